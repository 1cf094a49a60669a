"""Ranks: decimal numbers between any two of which there is always room for another.

A job's rank is its id until it is moved. So a move writes one job, however long the queue is, and
what it did is still there after a restart.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from itertools import count


def between(low: Decimal, high: Decimal) -> Decimal:
    """A number between two others, neither of them, with no more decimals than it takes.

    `low` has to be less than `high`. Of as short ones the middle is taken, so that the room on
    either side stays large: a rank grows by a digit in three bisections of the same gap.
    """
    if not low < high:
        raise ValueError(f"there is nothing between {low} and {high}")
    for decimals in count():
        scale = 10**decimals
        first = math.floor(Fraction(low) * scale) + 1
        last = math.ceil(Fraction(high) * scale) - 1
        if first <= last:
            return _scaled((first + last) // 2, decimals)
    raise AssertionError("unreachable: there is always a longer number")


def below(rank: Decimal) -> Decimal:
    """The next whole number down."""
    return Decimal(math.ceil(rank) - 1)


def _scaled(whole: int, decimals: int) -> Decimal:
    """`whole` over 10 to the `decimals`, exactly: arithmetic on decimals would round it."""
    digits = tuple(map(int, str(abs(whole))))
    return Decimal((int(whole < 0), digits, -decimals))
