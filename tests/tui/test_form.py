"""The generate screen's fields: text in, a request or the field at fault out."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import made
from wantui.api.lora import LoraExpert
from wantui.errors import InvalidRequest, WantuiError, WeightsAbsent
from wantui.tui import form

EMPTY = dict.fromkeys(
    (
        *("prompt", "model", "size", "frames", "steps", "guidance", "sampler", "shift", "seed"),
        *("negative_prompt", "image", "loras", "quality", "fps", "count", "priority", "after"),
        "label",
    ),
    "",
)


def test_empty_fields_are_left_to_the_model() -> None:
    request = form.request_of({**EMPTY, "prompt": "dunes", "model": "demo"}, None)
    assert request.model_dump(exclude_unset=True) == {"prompt": "dunes", "model": "demo"}


def test_guidance_of_both_experts_is_typed_with_a_comma() -> None:
    request = form.request_of({**EMPTY, "guidance": "4, 3"}, None)
    assert (request.guidance, request.guidance_low) == (4.0, 3.0)


def test_a_plan_is_asked_with_all_that_decides_what_a_video_takes() -> None:
    typed = {"model": "t2v-a14b", "size": "832x480", "frames": "81", "steps": "4"}
    asked = form.plan_request_of(
        {**EMPTY, **typed, "guidance": "1,3", "loras": "fast:0.8@high, style"}
    )
    assert (asked.size, asked.frames, asked.steps, asked.guidance) == ("832x480", 81, 4, 1.0)
    assert [(use.adapter, use.expert) for use in asked.loras] == [
        ("fast", LoraExpert.HIGH),
        ("style", LoraExpert.BOTH),
    ]


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


def test_jobs_that_it_comes_after_are_typed_with_commas_or_spaces() -> None:
    request = form.request_of({**EMPTY, "after": "12, 14 15", "priority": "-3", "label": "x"}, None)
    assert (request.after, request.priority, request.label) == ((12, 14, 15), -3, "x")


def test_a_dash_is_no_negative_prompt_and_nothing_is_the_model_s() -> None:
    assert form.request_of({**EMPTY, "negative_prompt": "-"}, None).negative_prompt == ""
    assert form.request_of(EMPTY, None).negative_prompt is None


def test_a_sweep_has_the_seeds_that_follow_on() -> None:
    typed = {**EMPTY, "prompt": "dunes", "seed": "7", "count": "3"}
    sweep = form.swept(form.request_of(typed, None), form.count_of(typed))
    assert [request.seed for request in sweep] == [7, 8, 9]
    assert {request.prompt for request in sweep} == {"dunes"}
    drawn = form.swept(form.request_of(EMPTY, None), 2)
    assert [request.seed for request in drawn] == [None, None]


@pytest.mark.parametrize("count", ["0", "-1", "1001", "many"])
def test_a_sweep_of_no_number_of_jobs_is_refused_on_its_field(count: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        form.count_of({**EMPTY, "count": count})
    assert form.concerns(refused.value) == "count"


def test_a_plan_is_asked_for_the_quality_that_is_typed() -> None:
    assert form.plan_request_of({**EMPTY, "model": "demo"}).quality == "faithful"
    asked = form.plan_request_of({**EMPTY, "model": "demo", "quality": "lightning"})
    assert asked.quality == "lightning"


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


def test_what_cannot_be_is_told_before_it_is_sent(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"x")
    form.check({**EMPTY, "image": str(picture)}, made.model())
    form.check({**EMPTY, "image": f"{form.UPLOADED}ab"}, made.model())
    for typed, model, field in (
        ({"image": str(picture)}, made.model(takes_image=False), "image"),
        ({"image": str(tmp_path / "none.png")}, made.model(), "image"),
        ({"seed": "x"}, made.model(), "seed"),
        ({"count": "0"}, made.model(), "count"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            form.check({**EMPTY, **typed}, model)
        assert form.concerns(refused.value) == field
