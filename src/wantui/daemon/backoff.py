"""How long to wait before something is tried again that keeps failing."""

from __future__ import annotations

from collections.abc import Sequence


class Backoff:
    """`waits_s` after the first failure in a row, the second, and so on; the last one stays."""

    def __init__(self, waits_s: Sequence[float]) -> None:
        self._waits_s = waits_s
        self._failures = 0
        self._until = 0.0

    def failed(self, now: float) -> float:
        """One more; returns how long to wait from `now`, in seconds of a monotonic clock."""
        wait_s = self._waits_s[min(self._failures, len(self._waits_s) - 1)]
        self._failures += 1
        self._until = now + wait_s
        return wait_s

    def succeeded(self) -> None:
        self._failures, self._until = 0, 0.0

    def left_s(self, now: float) -> float:
        """Still to wait."""
        return max(self._until - now, 0.0)
