"""How every model has done: its generations and their success, of all time and lately.

Counted once, when the daemon starts, and from then on job by job: whoever asks costs nothing,
however long the history is.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable

from wantui.api.job import Job
from wantui.api.report import Metrics, Tally
from wantui.database import Database
from wantui.queue import generations
from wantui.queue.generations import Generation, Total

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S


class _Sum:
    """Successes, failures and the seconds of successes, to which one adds and takes away."""

    def __init__(self) -> None:
        self.successes = 0
        self.failures = 0
        self.seconds = 0.0

    def count(self, one: Generation, times: int = 1) -> None:
        if one.succeeded:
            self.successes += times
            self.seconds += times * one.seconds
        else:
            self.failures += times

    @property
    def numbers(self) -> dict[str, float | int | None]:
        """The fields of a Tally."""
        count = self.successes + self.failures
        return {
            "generations": count,
            "successes": self.successes,
            "failures": self.failures,
            "success_rate": self.successes / count if count else None,
            "mean_seconds": max(self.seconds, 0.0) / self.successes if self.successes else None,
        }


class _Window:
    """The last so many seconds: what is older falls out when somebody looks."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._within: deque[Generation] = deque()
        self._sum = _Sum()

    def add(self, one: Generation) -> None:
        self._within.append(one)
        self._sum.count(one)

    def tally(self, now: float) -> Tally:
        while self._within and self._within[0].ended_at <= now - self._length_s:
            self._sum.count(self._within.popleft(), -1)
        return Tally.model_validate(self._sum.numbers)


class _Record:
    """One model's."""

    def __init__(self) -> None:
        self._ever = _Sum()
        self._day = _Window(DAY_S)
        self._week = _Window(WEEK_S)

    def start_from(self, total: Total) -> None:
        self._ever.successes = total.successes
        self._ever.failures = total.failures
        self._ever.seconds = total.seconds

    def add(self, one: Generation) -> None:
        self._ever.count(one)
        self._day.add(one)
        self._week.add(one)

    def metrics(self, now: float) -> Metrics:
        return Metrics.model_validate(
            {
                **self._ever.numbers,
                "last_day": self._day.tally(now),
                "last_week": self._week.tally(now),
            }
        )


class TrackRecord:
    """By model. `clock` tells the time, in seconds since the epoch."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._models: defaultdict[str, _Record] = defaultdict(_Record)

    async def start(self) -> None:
        """Count what there is; only the last week is read row by row."""
        start = self._clock() - WEEK_S
        for total in await self._database.run(lambda c: generations.totals(c, start)):
            self._models[total.model].start_from(total)
        for one in await self._database.run(lambda c: generations.since(c, start)):
            self._models[one.model].add(one)

    def ended(self, job: Job) -> bool:
        """Count a job that is over; whether it counts."""
        one = generations.generation_of(job)
        if one is not None:
            self._models[one.model].add(one)
        return one is not None

    def of(self, model: str) -> Metrics:
        """One with nothing counted for a model that never ran."""
        return self._models[model].metrics(self._clock())
