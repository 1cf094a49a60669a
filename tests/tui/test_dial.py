"""Fields that are turned by keys, and what counts as changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import made
from wantui.api.job import MAX_SEED
from wantui.api.model import QualityOffer
from wantui.tui.dial import changed, turned
from wantui.tui.offer import Offer
from wantui.tui.offers import offer_of


def offer(id: str = "demo") -> Offer:
    model = made.model(id)
    limits = model.limits.model_copy(update={"sizes": ("128x128", "256x256", "64x64")})
    qualities = tuple(
        QualityOffer(
            id=name, summary=f"{name} indeed", faithful=name == "faithful", needs_loras=False
        )
        for name in ("faithful", "lightning")
    )
    return offer_of(model.model_copy(update={"limits": limits, "qualities": qualities}))


@pytest.mark.parametrize(
    ("field", "typed", "steps", "expected"),
    [
        ("size", "", -1, "256x256"),
        ("size", "", 1, "64x64"),
        ("size", "64x64", -1, "128x128"),
        ("size", "100x100", -1, "128x128"),
        ("quality", "", -1, "lightning"),
        ("sampler", "euler", -1, "unipc"),
        ("frames", "", 1, "21"),
        ("frames", "18", 1, "21"),
        ("frames", "18", -1, "17"),
        ("frames", "", 10, "33"),
        ("frames", "1", -1, "1"),
        ("steps", "", -10, "10"),
        ("steps", "3", -10, "1"),
        ("guidance", "", 1, "5.5"),
        ("guidance", "4.2", -1, "4"),
        ("seed", "", 1, "0"),
        ("seed", "9223372036854775806", 1, str(MAX_SEED)),
        ("seed", str(MAX_SEED), 1, str(MAX_SEED)),
        ("count", "", 1, "2"),
        ("priority", "", -1, "-1"),
        ("frames", "many", 1, None),
        ("frames", "nan", 1, None),
        ("label", "x", 1, None),
    ],
)
def test_a_key_turns_a_field_within_what_the_model_allows(
    field: str, typed: str, steps: int, expected: str | None
) -> None:
    assert turned(offer(), field, typed, steps) == expected


def test_guidance_of_two_experts_turns_together() -> None:
    two = offer("t2v-a14b")
    assert turned(two, "guidance", "", 1) == "5.5,3.5"
    assert turned(two, "guidance", "4,3", -1) == "3.5,2.5"


@given(
    st.sampled_from(["frames", "steps", "guidance", "shift", "seed", "count", "priority", "fps"]),
    st.text(st.characters(categories=["Nd", "P", "L"]), max_size=12),
    st.integers(-10, 10).filter(bool),
)
def test_whatever_is_typed_a_key_gives_an_allowed_number_or_nothing(
    field: str, typed: str, steps: int
) -> None:
    text = turned(offer(), field, typed, steps)
    limits = offer().ranges[field]
    for part in text.split(",") if text is not None else ():
        assert limits.low <= float(part) <= limits.high


def test_only_what_says_something_else_is_changed() -> None:
    fields = ("size", "steps", "guidance", "seed", "loras", "quality")
    typed = {"size": "128x128", "steps": "20", "guidance": "5.0", "seed": "", "quality": "faithful"}
    assert changed(offer(), typed, fields) == ()
    other = {**typed, "steps": "21", "seed": "7", "loras": "film"}
    assert changed(offer(), other, fields) == ("steps", "seed", "loras")


def test_what_a_fast_quality_takes_is_not_told_as_the_model_s() -> None:
    model = made.model()
    assert offer_of(model).placeholders["steps"] == "20"
    assert offer_of(model, "lightning").placeholders["steps"] == "lightning's"
    assert offer_of(model, "lightning").placeholders["size"] == "128x128"
