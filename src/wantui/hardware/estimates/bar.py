"""A number that is not known exactly: how low, how likely, how high."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wantui.api.estimate import Amount


@dataclass(frozen=True, slots=True)
class Bar:
    """Bytes or seconds. Sums add the bars up: errors of one job have common causes."""

    low: float = 0.0
    likely: float = 0.0
    high: float = 0.0

    @classmethod
    def exactly(cls, number: float) -> Bar:
        return cls(number, number, number)

    @classmethod
    def about(cls, likely: float, below: float, above: float) -> Bar:
        """`below` and `above` are shares of it: 0.1 and 0.2 are from 90 % to 120 %."""
        return cls(likely * (1 - below), likely, likely * (1 + above))

    def __add__(self, other: Bar) -> Bar:
        return Bar(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, factor: float) -> Bar:
        return Bar(self.low * factor, self.likely * factor, self.high * factor)

    @property
    def amount(self) -> Amount:
        return Amount(low=self.low, likely=self.likely, high=self.high)


def total(bars: Iterable[Bar]) -> Bar:
    return sum(bars, Bar())


def largest(bars: Iterable[Bar]) -> Bar:
    """The one that is likely the largest; nothing, of none."""
    return max(bars, key=lambda bar: bar.likely, default=Bar())
