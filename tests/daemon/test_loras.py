"""The LoRAs of a job: named, checked against its model, kept while it waits, and applied."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.daemon.test_adapters import pieces, send
from tests.daemon.test_api import job, refusal
from tests.loras import Shapes, diffusers_shapes, lora_file
from tests.running import RunningDaemon, job_when, running_daemon, tiny
from wantui.api.estimate import PlanRequest, StageEstimate
from wantui.api.job import Job, JobState, Stage
from wantui.api.lora import LoraExpert, LoraUse, LoraUsed
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Quality, Recipe
from wantui.daemon.adapters import Adapters
from wantui.daemon.loras import choose_loras, misplaced
from wantui.errors import AdapterUnfit, InvalidRequest, UnknownAdapter, WeightsInUse
from wantui.paths import shipped_config

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

CATALOG = Catalog.load(shipped_config())
T2V, TI2V, DEMO = CATALOG.model("t2v-a14b"), CATALOG.model("ti2v-5b"), CATALOG.model("demo")
FAITHFUL, LIGHTNING = CATALOG.quality("faithful"), CATALOG.quality("lightning")
HIGH, LOW, BOTH = LoraExpert.HIGH, LoraExpert.LOW, LoraExpert.BOTH
BIG = diffusers_shapes(rank=1, blocks=[0], dim=5120, ffn=13_824)


def filled(shapes: Shapes, seed: int) -> bytes:
    """With small numbers in fp32, other ones for each seed."""
    empty = lora_file(shapes)
    head = 8 + int.from_bytes(empty[:8], "little")
    numbers, count = random.Random(seed), (len(empty) - head) // 4
    return empty[:head] + struct.pack(f"<{count}f", *(numbers.gauss(0, 0.3) for _ in range(count)))


@pytest.fixture
async def adapters(tmp_path: Path) -> Adapters:
    """Keeps one for the demo, and two of A14B's size."""
    adapters = Adapters(tmp_path / "adapters", CATALOG, 1 << 30, used_by=lambda _id: [])
    await adapters.start()
    for name, content in (
        ("style", lora_file(diffusers_shapes())),
        ("fast_high", lora_file(BIG)),
        ("fast_low", lora_file(BIG, fill=1)),
    ):
        await adapters.receive(pieces(content, 1 << 20), None, f"{name}.safetensors", None)
    return adapters


async def test_they_are_resolved_to_what_decides_the_pixels(adapters: Adapters) -> None:
    style, high = adapters.find("style"), adapters.find("fast_high")
    uses = [LoraUse(adapter="STYLE", strength=0.8)]
    assert await choose_loras(adapters, DEMO, FAITHFUL, uses) == (
        LoraUsed(
            sha256=style.id, name="style", bytes=style.bytes, rank=4, strength=0.8, expert=BOTH
        ),
    )
    uses = [
        LoraUse(adapter=high.id[:8], expert=HIGH),
        LoraUse(adapter="fast_high", expert=LOW, strength=-1.0),
    ]
    chosen = await choose_loras(adapters, T2V, FAITHFUL, uses)
    assert [(each.name, each.expert, each.strength) for each in chosen] == [
        ("fast_high", HIGH, 1.0),
        ("fast_high", LOW, -1.0),
    ]


@pytest.mark.parametrize(
    ("model", "uses", "error", "says"),
    [
        (DEMO, [LoraUse(adapter="stile")], UnknownAdapter, "no adapter is called 'stile'"),
        (DEMO, [LoraUse(adapter="fast_high")], AdapterUnfit, "does not fit demo: its blocks.0"),
        (T2V, [LoraUse(adapter="style")], AdapterUnfit, "does not fit t2v-a14b"),
        (DEMO, [LoraUse(adapter="style", expert=HIGH)], InvalidRequest, "demo has one expert"),
        (TI2V, [LoraUse(adapter="style", expert=LOW)], InvalidRequest, "none for low noise"),
        (DEMO, [LoraUse(adapter="style")] * 2, InvalidRequest, "style is there twice"),
        (
            T2V,
            [LoraUse(adapter="fast_low"), LoraUse(adapter="fast_low", expert=LOW)],
            InvalidRequest,
            "fast_low is there twice",
        ),
    ],
)
async def test_what_does_not_go_together_is_refused(
    adapters: Adapters, model: Any, uses: list[LoraUse], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        await choose_loras(adapters, model, FAITHFUL, uses)
    assert says in str(caught.value)


async def test_a_model_that_came_after_a_lora_is_judged_by_its_own_sizes(
    adapters: Adapters,
) -> None:
    mine = DEMO.model_copy(update={"id": "demo:mine"})
    assert await choose_loras(adapters, mine, FAITHFUL, [LoraUse(adapter="style")])
    unknown = mine.model_copy(update={"architecture": None})
    with pytest.raises(AdapterUnfit, match="nobody wrote down the sizes"):
        await choose_loras(adapters, unknown, FAITHFUL, [LoraUse(adapter="style")])


async def test_few_steps_need_a_lora_for_every_expert(adapters: Adapters) -> None:
    high, low = LoraUse(adapter="fast_high", expert=HIGH), LoraUse(adapter="fast_low", expert=LOW)
    assert len(await choose_loras(adapters, T2V, LIGHTNING, [high, low])) == 2
    assert len(await choose_loras(adapters, T2V, LIGHTNING, [LoraUse(adapter="fast_low")])) == 1
    assert len(await choose_loras(adapters, DEMO, LIGHTNING, [LoraUse(adapter="style")])) == 1
    for given, lacks in (([], "high-noise"), ([high], "low-noise"), ([low], "high-noise")):
        with pytest.raises(InvalidRequest) as caught:
            await choose_loras(adapters, T2V, LIGHTNING, given)
        assert f"needs a LoRA for t2v-a14b's {lacks} expert" in caught.value.message
        assert "--lora FILE.safetensors@" in caught.value.hint
    with pytest.raises(InvalidRequest, match="needs a LoRA for demo"):
        await choose_loras(adapters, DEMO, LIGHTNING, [])


async def test_a_quality_that_says_where_its_loras_come_from_finds_them(
    adapters: Adapters, tmp_path: Path
) -> None:
    high = adapters.find("fast_high")
    source = high.source.model_copy(update={"repository": "owner/name"})
    adapters._all[high.id] = high.model_copy(update={"source": source})
    needs = [
        {"expert": expert, "repository": "owner/name", "file": f"fast_{expert}.safetensors"}
        for expert in ("high", "low")
    ]
    told = {**LIGHTNING.model_dump(), "id": "mine", "adapters": needs}
    quality = Quality.model_validate(told)
    with pytest.raises(InvalidRequest, match="low-noise") as caught:
        await choose_loras(adapters, T2V, quality, [])
    assert caught.value.hint == "run: wantui lora add owner/name/fast_low.safetensors"
    given = [LoraUse(adapter="fast_low", expert=LOW)]
    chosen = await choose_loras(adapters, T2V, quality, given)
    assert [(each.name, each.expert) for each in chosen] == [("fast_low", LOW), ("fast_high", HIGH)]


async def test_one_for_another_expert_than_its_name_says_is_doubted(adapters: Adapters) -> None:
    async def doubts(model: Recipe, *uses: LoraUse) -> list[str]:
        chosen = await choose_loras(adapters, model, FAITHFUL, uses)
        return [warning.message for warning in misplaced(adapters, model, chosen)]

    high, low = LoraUse(adapter="fast_high", expert=HIGH), LoraUse(adapter="fast_low", expert=LOW)
    assert await doubts(T2V, high, low) == []
    assert await doubts(DEMO, LoraUse(adapter="style")) == []
    (both,) = await doubts(T2V, LoraUse(adapter="fast_high"))
    assert both.endswith("says high noise, and it is for both experts: was @high meant?")
    (other,) = await doubts(T2V, LoraUse(adapter="fast_low", expert=HIGH))
    assert other.endswith("says low noise, and it is for high noise: was @low meant?")


async def test_none_is_removed_while_a_job_that_uses_it_is_being_accepted(
    adapters: Adapters,
) -> None:
    style = adapters.find("style").id
    with adapters.held([style]), pytest.raises(WeightsInUse, match="to be used by job"):
        await adapters.remove(style)
    await adapters.remove(style)
    with pytest.raises(UnknownAdapter), adapters.held([style]):
        raise AssertionError("it was held")


@pytest.fixture(scope="module")
def own_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path_factory.mktemp("loras")) as daemon:
        send(daemon, filled(diffusers_shapes(), 0), "style.safetensors")
        send(daemon, filled(diffusers_shapes(), 1), "other.safetensors")
        yield daemon


async def run(daemon: RunningDaemon, **fields: object) -> Job:
    async with daemon.client() as client:
        accepted = await client.submit(tiny(**fields))  # type: ignore[arg-type]
        return await job_when(client, accepted.id, lambda job: job.state.finished)


def frames(done: Job) -> str:
    assert done.state is JobState.COMPLETED, done.error
    assert done.output is not None
    return done.output.frames_sha256


async def test_a_plan_counts_them(own_daemon: RunningDaemon) -> None:
    async def denoise(**fields: Any) -> StageEstimate:
        async with own_daemon.client() as client:
            plans = await client.plan(PlanRequest(model="demo", steps=4, **fields))
        assert plans.chosen is not None
        stages = plans.chosen.estimate.stages
        return next(each for each in stages if each.stage is Stage.DENOISE)

    plain, styled = await denoise(), await denoise(loras=(LoraUse(adapter="style"),))
    parts = {part.name: part.amount.likely for part in styled.parts}
    assert parts["LoRAs"] > 0
    assert "LoRAs" not in {part.name for part in plain.parts}
    assert styled.device.likely > plain.device.likely
    once = await denoise(guidance=1.0)
    assert once.seconds.likely == pytest.approx(plain.seconds.likely / 2)
    with pytest.raises(UnknownAdapter):
        await denoise(loras=(LoraUse(adapter="nobody's"),))


async def test_jobs_use_theirs_and_no_others(own_daemon: RunningDaemon) -> None:
    style, other = LoraUse(adapter="style"), LoraUse(adapter="other", strength=0.5)
    plain = frames(await run(own_daemon))
    styled = await run(own_daemon, loras=(style,))
    both = await run(own_daemon, loras=(style, other))
    assert len({plain, frames(styled), frames(both)}) == 3
    assert frames(await run(own_daemon)) == plain
    assert frames(await run(own_daemon, loras=(style,))) == frames(styled)
    assert [lora.name for lora in both.params.loras] == ["style", "other"]
    assert both.output is not None
    with av.open(both.output.path) as video:
        comment = json.loads(video.metadata["comment"])
    assert [lora["name"] for lora in comment["params"]["loras"]] == ["style", "other"]
    assert comment["params"]["loras"][1]["strength"] == 0.5


async def test_a_fast_job_is_nowhere_called_faithful(own_daemon: RunningDaemon) -> None:
    done = await run(own_daemon, quality="lightning", loras=(LoraUse(adapter="style"),), steps=None)
    assert (done.params.steps, done.params.guidance, done.params.shift) == (4, 1.0, 5.0)
    assert (done.quality, done.faithful) == ("lightning", False)
    assert done.output is not None
    with av.open(done.output.path) as video:
        assert json.loads(video.metadata["comment"])["faithful"] is False
    request = json.loads((own_daemon.paths.job(done.id) / "request.json").read_text())
    assert request["faithful"] is False
    offers = own_daemon.call("GET", "/api/models/demo").json()["qualities"]
    assert [(offer["id"], offer["faithful"], offer["needs_loras"]) for offer in offers] == [
        ("faithful", True, False),
        ("lightning", False, True),
    ]


def test_a_lora_brings_words_that_the_model_does_not_know(own_daemon: RunningDaemon) -> None:
    words = {"prompt": "a red circle moving diagonally", "hold": True}
    plain, taught = (
        own_daemon.call("POST", "/api/jobs", job(**words, loras=loras)).json()
        for loras in ([], [{"adapter": "style"}])
    )
    assert "not: diagonally" in plain["warnings"][0]["message"]
    assert taught["warnings"] == []
    for accepted in (plain, taught):
        own_daemon.call("POST", f"/api/jobs/{accepted['id']}/cancel")


def test_the_wire_takes_what_json_has(own_daemon: RunningDaemon) -> None:
    loras = [{"adapter": "style", "strength": 1, "expert": "both"}]
    accepted = own_daemon.call("POST", "/api/jobs", job(loras=loras)).json()
    assert accepted["params"]["loras"][0]["strength"] == 1.0
    own_daemon.call("POST", f"/api/jobs/{accepted['id']}/cancel")
    for wrong in (
        {"adapter": "style", "strength": 99},
        {"adapter": "style", "expert": "middle"},
        {"adapter": "style", "weight": 1},
        {"adapter": ""},
        {},
    ):
        response = own_daemon.call("POST", "/api/jobs", job(loras=[wrong]))
        assert response.status_code == 422, wrong
        assert refusal(response)["code"] in ("invalid_request", "unknown_field")
    many = job(loras=[{"adapter": "style"}] * 17)
    assert refusal(own_daemon.call("POST", "/api/jobs", many))["code"] == "invalid_request"
    unknown = own_daemon.call("POST", "/api/jobs", job(loras=[{"adapter": "stile"}]))
    assert refusal(unknown)["hint"] == "did you mean style?"


def test_one_that_a_waiting_job_uses_is_not_removed(own_daemon: RunningDaemon) -> None:
    content = filled(diffusers_shapes(), 2)
    digest = hashlib.sha256(content).hexdigest()
    send(own_daemon, content, "wanted.safetensors")
    waiting = own_daemon.call("POST", "/api/jobs", job(loras=[{"adapter": "wanted"}])).json()
    response = own_daemon.call("DELETE", f"/api/adapters/{digest}")
    assert response.status_code == 409
    error = refusal(response)
    assert error["message"] == f"the LoRA wanted is to be used by job {waiting['id']}"
    assert f"wantui cancel {waiting['id']}" in error["hint"]
    own_daemon.call("POST", f"/api/jobs/{waiting['id']}/cancel")
    assert own_daemon.call("DELETE", f"/api/adapters/{digest}").status_code == 200


async def test_one_whose_file_is_gone_fails_its_job_and_says_how_to_mend_it(
    own_daemon: RunningDaemon,
) -> None:
    content = filled(diffusers_shapes(), 3)
    digest = hashlib.sha256(content).hexdigest()
    send(own_daemon, content, "gone.safetensors")
    async with own_daemon.client() as client:
        held = await client.submit(tiny(loras=(LoraUse(adapter="gone"),), hold=True))
        (own_daemon.paths.adapters / f"{digest}.safetensors").unlink()
        await client.release(held.id)
        done = await job_when(client, held.id, lambda job: job.state.finished)
    assert done.state is JobState.FAILED
    assert done.error is not None
    assert (done.error.code, done.error.hint) == (
        "unknown_adapter",
        "add it again: wantui lora add FILE",
    )
