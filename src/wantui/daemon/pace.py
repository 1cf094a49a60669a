"""How fast bytes come, smoothed enough to be read and quick enough to be true."""

from __future__ import annotations

import math
import time

SMOOTHED_S = 5.0
"""What came so long ago counts for a third."""


class Pace:
    def __init__(self, now: float | None = None) -> None:
        self._at = time.monotonic() if now is None else now
        self._count = 0
        self._rate: float | None = None

    def read(self, count: int, now: float | None = None) -> float | None:
        """Bytes a second, from the bytes that came so far; None before there are any."""
        now = time.monotonic() if now is None else now
        passed = now - self._at
        if passed <= 0 or count == self._count == 0:
            return self._rate
        fresh = (count - self._count) / passed
        keep = math.exp(-passed / SMOOTHED_S)
        self._rate = fresh if self._rate is None else keep * self._rate + (1 - keep) * fresh
        self._at, self._count = now, count
        return self._rate
