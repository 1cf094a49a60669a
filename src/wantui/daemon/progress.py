"""From a worker's steps to a job's progress: share done and seconds to go."""

from __future__ import annotations

import time

from wantui.api.job import Progress, Stage

_SPAN = {
    Stage.LOAD: (0.0, 0.04),
    Stage.ENCODE: (0.04, 0.06),
    Stage.DENOISE: (0.06, 0.88),
    Stage.DECODE: (0.88, 0.99),
    Stage.WRITE: (0.99, 1.0),
}
"""Where each stage lies in a job: rough shares, for a bar that never goes back."""


class Meter:
    """Follows one attempt. The pace is measured, never assumed: no ETA before the second step."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._began = 0.0
        self._first_step = 0
        self._preview_rev = 0
        self._last = Progress(stage=Stage.LOAD, step=0, of=0, fraction=0.0, eta_s=None)

    def read(self, stage: Stage, step: int, of: int, now: float | None = None) -> Progress:
        """`now` in seconds of a monotonic clock."""
        now = time.monotonic() if now is None else now
        if stage is not self._stage:
            self._stage, self._began, self._first_step = stage, now, step
        start, end = _SPAN[stage]
        share = step / of if of else 0.0
        pace_s = self._pace_s(step, of, now)
        self._last = Progress(
            stage=stage,
            step=step,
            of=of,
            fraction=start + (end - start) * min(share, 1.0),
            eta_s=None if pace_s is None else _eta_s(stage, step, of, pace_s),
            step_s=pace_s,
            preview_rev=self._preview_rev,
        )
        return self._last

    def previewed(self, rev: int) -> Progress:
        """The last reading, with a new preview."""
        self._preview_rev = rev
        self._last = self._last.model_copy(update={"preview_rev": rev})
        return self._last

    def _pace_s(self, step: int, of: int, now: float) -> float | None:
        """Seconds a step of this stage, on the average so far."""
        done = step - self._first_step
        return (now - self._began) / done if done >= 1 and of else None


def _eta_s(stage: Stage, step: int, of: int, pace_s: float) -> float:
    """Steps to go at this stage's pace, plus the later stages at their shares."""
    start, end = _SPAN[stage]
    later = pace_s * of * (1.0 - end) / (end - start)
    return pace_s * (of - step) + later
