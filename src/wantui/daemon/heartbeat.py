"""Whether a worker is alive and gets on: by its heartbeats, and by the steps that it reports."""

from __future__ import annotations

import asyncio
import time

from wantui.api.job import Stage
from wantui.daemon.supervisor import WorkerProcess
from wantui.daemon.timeouts import Timeouts
from wantui.errors import WorkerHung
from wantui.pipe.messages import Began, Checkpointed, Loaded, Report, Step, Unloaded

GETS_ON = (Step, Loaded, Unloaded, Began, Checkpointed)
"""What shows that the work itself goes on."""


async def heard(worker: WorkerProcess, vigil: Vigil) -> Report:
    """A worker's next report. Raises WorkerHung when its time has run out, or its WorkerCrashed."""
    vigil.listen(time.monotonic())
    while True:
        try:
            async with asyncio.timeout(vigil.patience_s(time.monotonic())):
                report = await worker.report()
        except TimeoutError:
            if (hung := vigil.verdict(time.monotonic())) is not None:
                raise hung from None
        else:
            vigil.hear(report, time.monotonic())
            return report


class Vigil:
    """Kept over one order. Times are of a monotonic clock, in seconds."""

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self._timeouts = timeouts
        self._heard = self._got_on = self._looked = now
        self.stage = Stage.LOAD
        """What the worker is at."""
        self._step = 0
        self._first = True
        """Whether the step under way is its stage's first."""

    def listen(self, now: float) -> None:
        """What the daemon took since the last report, as while a disk is full, is its own."""
        away = now - self._looked
        self._heard += away
        self._got_on += away

    def hear(self, report: Report, now: float) -> None:
        self._heard = self._looked = now
        if isinstance(report, GETS_ON):
            self._got_on = now
        if isinstance(report, Step):
            self._first = report.stage is not self.stage
            self.stage, self._step = report.stage, report.step

    def patience_s(self, now: float) -> float:
        """How long the next report may take to come, or the work to get on; 0 when it is over."""
        silent = self._heard + self._timeouts.silence_s
        stuck = self._got_on + self._timeouts.step_s(self.stage, first=self._first)
        return max(min(silent, stuck) - now, 0.0)

    def verdict(self, now: float) -> WorkerHung | None:
        """None if its time has not run out."""
        if self.patience_s(now) > 0:
            return None
        silent_s, waited_s = now - self._heard, now - self._got_on
        beats = silent_s < self._timeouts.silence_s
        at = f"{self.stage} after step {self._step}" if self._step else self.stage
        return WorkerHung(
            f"the worker hangs in {at}: nothing was done for {waited_s:.0f} s"
            if beats
            else f"the worker hangs in {at}: nothing was heard of it for {silent_s:.0f} s",
            detail={
                "stage": self.stage.value,
                "step": self._step,
                "waited_s": round(waited_s, 1),
                "beats": beats,
            },
        )
