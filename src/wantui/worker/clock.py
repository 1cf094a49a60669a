"""Which stage an attempt is in, how far it is, and how long each stage took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from wantui.api.job import Stage, Timings
from wantui.pipe.messages import Step
from wantui.worker.peaks import Peaks


class StageClock:
    """Reports steps, and counts each second for one stage only."""

    def __init__(self, job: int, report: Callable[[Step], None]) -> None:
        self.stage = Stage.LOAD
        """The stage at work; where a failure happened."""
        self._job = job
        self._report = report
        self._seconds = dict.fromkeys(Stage, 0.0)
        self._nested = 0.0
        self.peaks = Peaks()
        """What each stage held of the device's memory."""

    @contextlib.contextmanager
    def running(self, stage: Stage, of: int = 0, *, done: int = 0) -> Iterator[None]:
        """Enter a stage, of whose steps some may be done already, and count its seconds."""
        self.enter(stage, of, done)
        with self.counting(stage):
            yield

    def enter(self, stage: Stage, of: int = 0, done: int = 0) -> None:
        """Report a stage's start."""
        self.stage = stage
        self.peaks.enter(stage)
        self.step(done, of)

    @contextlib.contextmanager
    def counting(self, stage: Stage) -> Iterator[None]:
        """Count these seconds for `stage`, and not for the stage around it."""
        before, self._nested = self._nested, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self._seconds[stage] += seconds - self._nested
            self._nested = before + seconds

    def step(self, step: int, of: int) -> None:
        """Report that `step` of `of` steps of the stage at work are done."""
        self._report(Step(job=self._job, stage=self.stage, step=step, of=of))

    @property
    def timings(self) -> Timings:
        return Timings(**{f"{stage}_s": seconds for stage, seconds in self._seconds.items()})
