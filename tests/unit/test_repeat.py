"""What a clip says, what takes its place, and what is told to be different."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import made
from wantui.api.asked import CARRIED, overridden
from wantui.api.job import JobRequest, Params
from wantui.api.lora import LoraExpert, LoraUse, LoraUsed
from wantui.api.model import FileStatus, WeightsState
from wantui.api.provenance import Provenance
from wantui.api.video import Codec, Encoding
from wantui.catalog.catalog import Catalog
from wantui.catalog.resolve import resolve
from wantui.client.repeat import Clip, differences, resolved_otherwise
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
HERE = ("CPU",)
DIGEST = "ab" * 32


def provenance(**fields: Any) -> Provenance:
    values = {
        "wantui": "0.1.0",
        "job": 1,
        "model": "demo",
        "quality": "faithful",
        "params": made.params(),
        "weights": {"vae/config.json": DIGEST},
        "plan": made.plan(),
        "device": "cpu",
        "versions": {"torch": "2.13.0"},
    }
    return Provenance(**{**values, **fields})


def told(
    now: Provenance, *, digest: str | None = DIGEST, read_digest: str | None = None
) -> list[str]:
    file = FileStatus(
        path="vae/config.json",
        state=WeightsState.VERIFIED,
        bytes=1,
        digest=digest,
        read_digest=read_digest,
        checked_at=made.NOW,
    )
    model = made.model()
    weights = model.weights.model_copy(update={"files": (file,)})
    hello = made.hello(engine={"torch": "2.13.0"})
    return list(differences(now, hello, model.model_copy(update={"weights": weights}), HERE))


def test_the_same_machine_has_no_differences() -> None:
    assert told(provenance()) == []


@pytest.mark.parametrize(
    ("then", "here", "said"),
    [
        ({}, {"digest": "cd" * 32}, "made with other weights: vae/config.json of demo"),
        ({}, {"digest": None, "read_digest": "cd" * 32}, "made with other weights: vae"),
        ({"weights": {}}, {}, "made with weights that nobody had read"),
        ({"weights": {"vae/config.json": None}}, {}, "made with weights that nobody had read"),
        ({"versions": {"torch": "2.9"}}, {}, "made with torch 2.9, here is 2.13.0"),
        ({"wantui": "0.0.1"}, {}, "made by wantui 0.0.1, this is 0.1.0"),
    ],
)
def test_each_difference_is_told(then: dict[str, Any], here: dict[str, Any], said: str) -> None:
    (line,) = told(provenance(**then), **here)
    assert line.startswith(said)


@pytest.mark.parametrize(
    "here",
    [{"digest": None, "read_digest": DIGEST}, {"digest": None}, {"digest": "ab" * 20}],
    ids=["read here", "unknown here", "a digest of another kind"],
)
def test_digests_that_cannot_be_compared_are_no_difference(here: dict[str, Any]) -> None:
    assert told(provenance(), **here) == []


def test_a_repeat_carries_every_parameter_that_a_request_can_set() -> None:
    elsewhere = {"width", "height", "image", "boundary", "loras"}
    assert set(CARRIED) | elsewhere == set(Params.model_fields)
    assert set(CARRIED) <= set(JobRequest.model_fields)


@pytest.mark.parametrize("model", ["t2v-a14b", "ti2v-5b", "demo"])
def test_a_clips_fields_resolve_to_its_parameters(model: str) -> None:
    recipe = CATALOG.model(model)
    asked = JobRequest(prompt="狐", guidance=4.123456789012345, sampler="euler", negative_prompt="")
    params = resolve(recipe, asked, None)
    clip = Clip(Path("x.mp4"), provenance(model=model, params=params))
    fields = {name: value for name, value in clip.fields().items() if value is not None}
    assert resolve(recipe, JobRequest.model_validate(fields), None) == params


def test_a_repeat_is_written_as_the_clip_was_but_for_the_codec_that_is_given() -> None:
    written = Encoding(codec=Codec.AV1, crf=30, preset="8", png=True)
    clip = Clip(Path("x.mp4"), provenance(encoding=written)).fields()
    assert (clip["codec"], clip["crf"], clip["png"]) == ("av1", 30, True)
    other = overridden(clip, {"codec": "h264", "crf": None})
    assert (other["codec"], other["crf"]) == ("h264", None)


def test_a_repeat_uses_the_same_loras_by_their_digests() -> None:
    used = LoraUsed(
        sha256=DIGEST, name="style", bytes=1, rank=4, strength=0.5, expert=LoraExpert.HIGH
    )
    clip = Clip(Path("x.mp4"), provenance(params=made.params(loras=(used,)))).fields()
    asked = JobRequest.model_validate({"prompt": "a cat", "loras": clip["loras"]}).loras
    assert asked == (LoraUse(adapter=DIGEST, strength=0.5, expert=LoraExpert.HIGH),)


def test_low_guidance_follows_the_high_one_when_only_that_is_given() -> None:
    clip = {"guidance": 4.0, "guidance_low": 3.0, "steps": 40}
    assert overridden(clip, {"steps": 8, "guidance": None})["guidance_low"] == 3.0
    assert overridden(clip, {"guidance": 6.0, "guidance_low": None})["guidance_low"] is None
    assert overridden(clip, {"guidance": 6.0, "guidance_low": 2.0})["guidance_low"] == 2.0


def test_what_the_machine_does_in_another_way_is_told() -> None:
    plain = made.plan()
    job = made.job(asked_plan=plain)
    assert list(resolved_otherwise(provenance(), job)) == []
    other = plain.model_copy(update={"compiled": True, "tiled_decode": True})
    assert list(resolved_otherwise(provenance(plan=other), job)) == [
        "made by compiled blocks, here they run plain",
        "decoded in tiles, here it is whole",
    ]
