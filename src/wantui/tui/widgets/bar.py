"""A bar that needs no colour: heavy and light cells."""

from __future__ import annotations

FULL = "━"
EMPTY = "─"


def bar(fraction: float, width: int) -> str:
    """`fraction` of 0 to 1 in `width` cells; full only at 1, empty only at 0."""
    share = min(max(fraction, 0.0), 1.0)
    full = round(share * width)
    if 0 < share < 1 and width > 1:
        full = min(max(full, 1), width - 1)
    return FULL * full + EMPTY * (width - full)
