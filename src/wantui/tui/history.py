"""What readings were, for as long as somebody looked: kept as shares, drawn as columns. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from wantui.api.hardware import Hardware
from wantui.client.machine import shares

MOST = 600
"""Readings that are kept: ten minutes."""
LAPSE_S = 5.0
"""After so long without a reading nobody looked, and the history begins anew."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LEVELS = len(_EIGHTHS) - 1


@dataclass(frozen=True)
class History:
    """One share over time, the newest last."""

    values: tuple[float, ...] = ()
    count: int = 0
    """Of all that ever came: a column holds the same readings while they move to the left."""

    def with_value(self, value: float) -> History:
        return History((*self.values, value)[-MOST:], self.count + 1)

    def columns(self, width: int, step: int) -> list[float | None]:
        """The highest of every `step` readings, in `width` columns; None before the first."""
        first = self.count - len(self.values)
        last_column = (self.count - 1) // step
        highest: dict[int, float] = {}
        for number, value in enumerate(self.values, start=first):
            column = number // step
            highest[column] = max(value, highest.get(column, 0.0))
        return [highest.get(last_column - back) for back in reversed(range(width))]


Histories = Mapping[str, History]


def extended(known: Histories, before: Hardware | None, now: Hardware) -> Histories:
    """With one reading more, or begun anew after a lapse."""
    lapsed = before is None or now.measured_at - before.measured_at > LAPSE_S
    old = {} if lapsed else known
    return {key: old.get(key, History()).with_value(value) for key, value in shares(now).items()}


def spark(history: History, width: int, step: int) -> str:
    """One row of columns; nothing at all is a blank, a little is a low block."""
    return graph(history, width, 1, step)[0]


def graph(history: History, width: int, height: int, step: int) -> list[str]:
    """`height` rows of columns, the topmost first."""
    eighths = [_level(share, height) for share in history.columns(width, step)]
    return [
        "".join(_EIGHTHS[min(max(level - row * _LEVELS, 0), _LEVELS)] for level in eighths)
        for row in reversed(range(height))
    ]


def _level(share: float | None, height: int) -> int:
    """Eighths of a cell; what was read is never as low as what was not."""
    if share is None or math.isnan(share):
        return 0
    most = height * _LEVELS
    return min(max(round(share * most), 1), most)
