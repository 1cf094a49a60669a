"""What clients say of things, in the same words everywhere."""

from __future__ import annotations

from wantui.api.download import ConvertPlan
from wantui.api.plan import DType
from wantui.client import words

PLAN = ConvertPlan(
    model="ti2v-5b",
    dtype=DType.BFLOAT16,
    components=("transformer",),
    bytes_to_write=10_000_000_000,
    bytes_read=20_000_000_000,
    saved_s=25.0,
    used=True,
    free_bytes=10**12,
)


def test_a_pull_offers_a_conversion_with_what_it_takes_and_saves() -> None:
    assert words.conversion_offer(PLAN) == (
        "loads would take about 25.0 s less, for 10.0 GB more on disk: wantui convert ti2v-5b"
    )


def test_a_conversion_is_not_offered_where_nothing_would_load_it_or_it_is_done() -> None:
    assert words.conversion_offer(PLAN.model_copy(update={"used": False})) is None
    assert words.conversion_offer(PLAN.model_copy(update={"components": ()})) is None


def test_who_asks_for_it_all_the_same_is_told_that_nothing_loads_it() -> None:
    worth = words.conversion_worth(PLAN.model_copy(update={"used": False}))
    assert worth == "no device of this machine would load it, for 10.0 GB more on disk"
