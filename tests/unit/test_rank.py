"""Between any two ranks there is room, and what is found there is short."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.queue.rank import below, between

ranks = st.decimals(-(10**6), 10**6, places=12).map(Decimal.normalize)


@given(ranks, ranks)
def test_what_is_between_two_ranks_is_between_them(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    if low == high:
        with pytest.raises(ValueError, match="nothing between"):
            between(low, high)
    else:
        assert low < between(low, high) < high


@given(ranks, ranks)
def test_no_shorter_number_would_have_done(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    if low == high:
        return
    exponent = between(low, high).as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent < 0:
        shorter = Decimal(1).scaleb(exponent + 1)
        assert (low // shorter + 2) * shorter >= high or low // shorter * shorter > low


@given(ranks)
def test_below_is_a_whole_number_that_is_less(rank: Decimal) -> None:
    assert below(rank) < rank
    assert below(rank) == int(below(rank))


def test_the_same_gap_can_be_halved_a_thousand_times() -> None:
    low, high = Decimal(1), Decimal(2)
    for number in range(1000):
        middle = between(low, high)
        assert low < middle < high
        low, high = (middle, high) if number % 2 else (low, middle)
    assert len(str(middle)) < 400
