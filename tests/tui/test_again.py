"""An earlier job, or a preset, typed into the generate screen again; and saved as a preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import made
from tests.tui.test_form import EMPTY
from tests.tui.test_lora_choices import adapter
from wantui.api.job import ImageUsed, Job
from wantui.api.lora import LoraExpert, LoraUsed
from wantui.api.model import ModelStatus
from wantui.api.video import Codec, Encoding
from wantui.client.presets import Preset
from wantui.errors import InvalidRequest
from wantui.tui import again, form

USED = LoraUsed(
    sha256="ab" * 32, name="film", bytes=1, rank=4, strength=0.3, expert=LoraExpert.HIGH
)


def with_negative(text: str) -> ModelStatus:
    model = made.model()
    return model.model_copy(
        update={"defaults": model.defaults.model_copy(update={"negative_prompt": text})}
    )


def test_a_job_is_typed_again_as_it_was() -> None:
    image = ImageUsed(sha256="ab" * 32, format="png", width=8, height=8)
    params = made.params(guidance_low=3.0, image=image, sampler="euler", shift=3.3, fps=12)
    job = made.job(1, params=params, quality="lightning", label="night")
    values = again.values_of(job, made.model())
    request = form.request_of({**EMPTY, **values}, values["image"].removeprefix(form.UPLOADED))
    assert (request.size, request.frames, request.steps) == ("128x128", 17, 20)
    assert (request.guidance, request.guidance_low, request.seed) == (5.0, 3.0, 7)
    assert request.image == "ab" * 32
    assert (request.sampler, request.shift, request.fps) == ("euler", 3.3, 12)
    assert (request.quality, request.label) == ("lightning", "night")


def test_varied_it_is_all_the_same_but_for_the_seed() -> None:
    values = again.values_of(made.job(1), made.model())
    varied = again.varied(values)
    assert form.request_of({**EMPTY, **varied}, None).seed is None
    assert {**varied, "seed": "7"} == values


def test_a_job_s_loras_are_typed_again_by_their_ids() -> None:
    job = made.job(1, params=made.params(loras=(USED,)))
    (use,) = form.request_of({**EMPTY, **again.values_of(job)}, None).loras
    assert (use.adapter, use.strength, use.expert) == ("ab" * 6, 0.3, LoraExpert.HIGH)


def test_a_lora_that_is_not_kept_any_more_is_said() -> None:
    job = made.job(1, params=made.params(loras=(USED,)))
    said = again.not_carried(job, made.model(), [])
    assert said == "LoRA film, which is not kept any more"
    kept = adapter("film").model_copy(update={"id": USED.sha256})
    assert again.not_carried(job, made.model(), [kept]) == ""
    assert again.not_carried(job, made.model(), None) == "", "nobody was asked"


def test_a_number_is_typed_again_to_its_last_digit() -> None:
    odd = 4.123456789012345
    values = again.values_of(made.job(1, params=made.params(guidance=odd, guidance_low=odd / 3)))
    request = form.request_of({**EMPTY, **values}, None)
    assert (request.guidance, request.guidance_low) == (odd, odd / 3)


def carried(job: Job, model: ModelStatus) -> str | None:
    values = {**EMPTY, **again.values_of(job, model)}
    values["negative_prompt"] = values["negative_prompt"].strip()  # as the field does
    return form.request_of(values, None).negative_prompt


@pytest.mark.parametrize("negative", ["", "fog", "line 1\nline 2   spaced"])
@pytest.mark.parametrize("official", ["", "blurred"])
def test_a_negative_prompt_is_carried_or_it_is_said(negative: str, official: str) -> None:
    job = made.job(1, params=made.params(negative_prompt=negative))
    model = with_negative(official)
    assert (carried(job, model) or "") == negative
    assert again.not_carried(job, model, None) == ""
    if official and not negative:
        assert carried(job, model) == "", "nothing typed would be the model's own"


def test_what_has_no_field_is_said() -> None:
    written = Encoding(codec=Codec.H264, crf=18, preset="medium", png=True)
    job = made.job(1, params=made.params(negative_prompt="fog "), encoding=written)
    said = again.not_carried(job, None, None)
    assert said == (
        "the model demo, which is not here any more, the negative prompt to the last character, "
        "frames as PNG"
    )


def test_what_is_typed_is_a_preset_and_typed_again_from_it() -> None:
    typed = {
        **EMPTY,
        "prompt": "dunes",
        "model": "demo",
        "size": "64x64",
        "steps": "4",
        "guidance": "4.5,3",
        "loras": "film:0.8@high, zoom",
        "count": "3",
        "seed": "9",
        "after": "1,2",
        "negative_prompt": "-",
        "image": "/pics/a.png",
        "quality": "lightning",
    }
    fields = again.preset_of(typed)
    assert fields["loras"] == ["film:0.8@high", "zoom"]
    assert (fields["guidance"], fields["guidance_low"], fields["count"]) == (4.5, 3.0, 3)
    values, lost = again.values_of_preset(Preset("x", fields))
    assert lost == ()
    assert form.request_of({**EMPTY, **values}, "i") == form.request_of(typed, "i")
    assert values["image"] == "/pics/a.png"
    assert form.count_of({**EMPTY, **values}) == 3


def test_a_preset_without_a_prompt_leaves_the_prompt_alone() -> None:
    fields = again.preset_of({**EMPTY, "model": "demo", "steps": "4"})
    assert fields == {"model": "demo", "steps": 4}
    values, _ = again.values_of_preset(Preset("x", fields))
    assert "prompt" not in values


def test_a_relative_picture_is_saved_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert again.preset_of({**EMPTY, "image": "a.png"})["image"] == str(tmp_path / "a.png")


def test_a_picture_of_an_earlier_job_is_in_no_preset() -> None:
    with pytest.raises(InvalidRequest) as refused:
        again.preset_of({**EMPTY, "image": f"{form.UPLOADED}ab"})
    assert form.concerns(refused.value) == "image"


def test_what_a_preset_says_and_the_form_cannot_is_named() -> None:
    fields = {"prompt": "dunes", "codec": "h265", "mood": "grim", "guidance": 4, "steps": [1]}
    values, lost = again.values_of_preset(Preset("x", fields))
    assert lost == ("codec", "mood", "steps")
    assert values["guidance"] == "4"


@given(
    st.dictionaries(
        st.sampled_from([*EMPTY, "codec", "guidance_low"]),
        st.one_of(st.text(max_size=9), st.integers(), st.floats(), st.lists(st.integers())),
    )
)
def test_any_preset_can_be_looked_at(fields: dict[str, Any]) -> None:
    values, lost = again.values_of_preset(Preset("x", fields))
    assert all(isinstance(value, str) for value in values.values())
    assert set(lost) <= set(fields)
