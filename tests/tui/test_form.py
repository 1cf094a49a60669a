"""The generate screen's fields: text in, a request or the field at fault out."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import made
from wantui.api.job import ImageUsed
from wantui.api.lora import LoraExpert, LoraUsed
from wantui.api.model import WeightsState
from wantui.errors import InvalidRequest, WantuiError, WeightsAbsent
from wantui.tui import form
from wantui.tui.state import Snapshot, State, reduce

EMPTY = dict.fromkeys(
    (
        *("prompt", "model", "size", "frames", "steps", "guidance", "sampler", "shift", "seed"),
        *("negative_prompt", "image", "loras"),
    ),
    "",
)


def test_empty_fields_are_left_to_the_model() -> None:
    request = form.request_of({**EMPTY, "prompt": "dunes", "model": "demo"}, None)
    assert request.model_dump(exclude_unset=True) == {"prompt": "dunes", "model": "demo"}


def test_guidance_of_both_experts_is_typed_with_a_comma() -> None:
    request = form.request_of({**EMPTY, "guidance": "4, 3"}, None)
    assert (request.guidance, request.guidance_low) == (4.0, 3.0)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        *(("frames", "many"), ("seed", "1.5"), ("guidance", "nan"), ("guidance", "1,2,3")),
        *(("shift", "wide"), ("shift", "inf")),
    ],
)
def test_what_is_no_number_is_refused_on_its_field(field: str, typed: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        form.request_of({**EMPTY, field: typed}, None)
    assert form.concerns(refused.value) == field


@given(st.dictionaries(st.sampled_from(sorted(EMPTY)), st.text(max_size=30)))
def test_anything_typed_is_a_request_or_a_refusal(typed: dict[str, str]) -> None:
    with contextlib.suppress(InvalidRequest):
        assert form.request_of({**EMPTY, **typed}, None).prompt == typed.get("prompt", "")


def test_a_job_is_typed_again_as_it_was() -> None:
    image = ImageUsed(sha256="ab" * 32, format="png", width=8, height=8)
    params = made.params(guidance_low=3.0, image=image, sampler="euler", shift=3.3)
    values = form.values_of(made.job(1, params=params))
    request = form.request_of(values, values["image"].removeprefix(form.UPLOADED))
    assert (request.size, request.frames, request.steps) == ("128x128", 17, 20)
    assert (request.guidance, request.guidance_low, request.seed) == (5.0, 3.0, 7)
    assert request.image == "ab" * 32
    assert (request.sampler, request.shift) == ("euler", 3.3)


def test_a_job_s_loras_are_typed_again_by_their_ids() -> None:
    used = LoraUsed(
        sha256="ab" * 32, name="film", bytes=1, rank=4, strength=0.3, expert=LoraExpert.HIGH
    )
    job = made.job(1, params=made.params(loras=(used,)))
    (use,) = form.request_of(form.values_of(job), None).loras
    assert (use.adapter, use.strength, use.expert) == ("ab" * 6, 0.3, LoraExpert.HIGH)
    assert "film" not in form.not_carried(job, made.model())


def test_a_number_is_typed_again_to_its_last_digit() -> None:
    odd = 4.123456789012345
    values = form.values_of(made.job(1, params=made.params(guidance=odd, guidance_low=odd / 3)))
    request = form.request_of(values, None)
    assert (request.guidance, request.guidance_low) == (odd, odd / 3)


def test_what_has_no_field_is_said_and_nothing_else() -> None:
    model = made.model()
    official = model.defaults
    negative = official.negative_prompt or "fog"
    plain = made.params(fps=official.fps, shift=official.shift, negative_prompt=negative)
    assert form.not_carried(made.job(1, params=plain), model) == ""
    other = made.params(
        fps=12, shift=3.5, sampler="dpm++", negative_prompt="line 1\nline 2   spaced"
    )
    said = form.not_carried(made.job(1, params=other, quality="fast"), model)
    assert said.startswith("12 fps, quality fast, line breaks and runs of spaces")


def test_an_empty_negative_prompt_where_the_model_has_one_is_said() -> None:
    official = made.model().defaults.model_copy(update={"negative_prompt": "blurred"})
    model = made.model().model_copy(update={"defaults": official})
    params = made.params(fps=official.fps, shift=official.shift)
    assert form.not_carried(made.job(1, params=params), model) == "an empty negative prompt"


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (InvalidRequest.for_field("frames", "must be 4n+1", allowed="4n+1", nearest=17), "frames"),
        (InvalidRequest.for_field("guidance_low", "no", allowed="yes"), "guidance"),
        (WeightsAbsent("the weights are absent"), "model"),
        (WantuiError("no idea"), None),
    ],
)
def test_a_refusal_is_shown_on_the_field_it_concerns(error: WantuiError, field: str) -> None:
    assert form.concerns(error) == field


def test_a_refusal_names_the_nearest_value_once() -> None:
    error = InvalidRequest.for_field("frames", "must be 4n+1", allowed="4n+1", nearest=17)
    assert form.refusal(error) == "must be 4n+1; allowed: 4n+1; nearest: 17"


def known(*models: str, ready: str = "demo") -> State:
    states = {True: WeightsState.VERIFIED, False: WeightsState.ABSENT}
    made_models = tuple(made.model(id, states[id == ready]) for id in models)
    return reduce(State(), Snapshot(made.status(made.completed(1), models=made_models)))


def test_the_model_to_start_with_is_one_that_has_its_weights() -> None:
    assert form.model_to_start_with(known("t2v-a14b", "demo"), "auto") == "demo"


def test_the_settings_choose_the_model_to_start_with() -> None:
    assert form.model_to_start_with(known("t2v-a14b", "demo"), "T2V-A14B") == "t2v-a14b"


def test_absent_weights_come_with_the_command_that_gets_them() -> None:
    words = form.absent_words(made.model("t2v-a14b", WeightsState.ABSENT))
    assert words == "weights absent, 126 GB to fetch: wantui pull t2v-a14b"
