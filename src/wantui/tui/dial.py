"""What a field says one step further, and which fields say what the model would not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from wantui.tui.offer import Offer, Range

SEPARATOR = ","
"""Between the values of two experts."""


def turned(offer: Offer, field: str, typed: str, steps: int) -> str | None:
    """The text of a field that was turned by `steps`; None where there is nothing to turn.

    Numbers go up, on the grid that the model allows; lists go back, and around.
    """
    now = typed or offer.placeholders.get(field, "")
    if field in offer.choices:
        return _chosen(offer.choices[field], now, steps)
    if field in offer.ranges:
        limits = offer.ranges[field]
        parts = [_counted(limits, part, steps) for part in now.split(SEPARATOR)]
        return None if None in parts else SEPARATOR.join(filter(None, parts))
    return None


def _chosen(choices: tuple[str, ...], now: str, steps: int) -> str | None:
    if not choices:
        return None
    if now not in choices:
        return choices[0] if steps < 0 else choices[-1]
    return choices[(choices.index(now) - steps) % len(choices)]


def _counted(limits: Range, now: str, steps: int) -> str | None:
    """From a word that stands for no number to the lowest; None for what cannot be read as one."""
    low, high, step = (Decimal(str(edge)) for edge in (limits.low, limits.high, limits.step))
    if now in WORDS:
        return _written(low)
    try:
        number = Decimal(now)
        if not number.is_finite():
            return None
        rounding = ROUND_FLOOR if steps > 0 else ROUND_CEILING
        at = ((number - low) / step).to_integral_value(rounding) + steps
        return _written(min(max(low + at * step, low), high))
    except ArithmeticError:
        return None


def _written(number: Decimal) -> str:
    return f"{number.normalize():f}"


WORDS = frozenset({"", "drawn"})
"""Defaults of a number that are none."""


def changed(offer: Offer, values: Mapping[str, str], fields: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `fields` that say something else than the model takes where nothing is typed."""
    return tuple(
        field
        for field in fields
        if (typed := values.get(field, "")) and not _same(typed, offer.placeholders.get(field, ""))
    )


def _same(typed: str, default: str) -> bool:
    """As text, or as numbers: 5 is 5.0."""
    if typed == default:
        return True
    try:
        one, other = ([float(part) for part in text.split(SEPARATOR)] for text in (typed, default))
    except ValueError:
        return False
    return one == other
