"""The jobs that wait: who may run now, in what order, who not yet, and whose turn it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from wantui.api.job import Job, JobState
from wantui.queue.order import Line, Search


class Waiting:
    """`live` are the unfinished jobs by id, as they are this moment."""

    def __init__(self, live: Mapping[int, Job], max_overtaken: int) -> None:
        self._live = live
        self._line = Line(max_overtaken)
        self._delayed: dict[int, float] = {}
        """Queued jobs that are not to start yet, and when they are."""
        self._turns: dict[int, int] = {}

    def start(self, turns: Mapping[int, int]) -> None:
        """With the turns that owners had before, the highest the last, and every job that waits."""
        self._turns = dict(turns)
        for job in self._live.values():
            self.place(job)

    @property
    def turns(self) -> tuple[int, ...]:
        """Owners of jobs that were started, the least recently served first."""
        return tuple(sorted(self._turns, key=self._turns.__getitem__))

    @property
    def next_turn(self) -> int:
        return max(self._turns.values(), default=0) + 1

    def next_start(self) -> float | None:
        """When the next of the jobs that are not to start yet is, in seconds since the epoch."""
        return min(self._delayed.values(), default=None)

    def place(self, job: Job) -> None:
        """In the line if it may run now."""
        self._delayed.pop(job.id, None)
        if job.state is not JobState.QUEUED or job.unmet:
            self._line.discard(job.id)
        elif job.start_at is not None and job.start_at > time.time():
            self._line.discard(job.id)
            self._delayed[job.id] = job.start_at
        else:
            self._line.put(job)

    def search(self, loaded: str | None, cannot_run: Callable[[Job], bool]) -> Search:
        """Begin to look for the job to claim next: see `order.Line.search`."""
        self._admit(time.time())

        def is_out(job_id: int) -> bool:
            job = self._live.get(job_id)
            return job is None or cannot_run(job)

        return self._line.search(self._turns, loaded, is_out)

    def claimed(self, job_id: int, owner: int, turn: int, search: Search) -> None:
        """A job that `search` led to runs: it was its owner's turn, and others were overtaken."""
        self._turns[owner] = turn
        self._line.note(search.overtaken_by(job_id))

    def _admit(self, now: float) -> None:
        """Let those in whose time has come."""
        for job_id in [id for id, start_at in self._delayed.items() if start_at <= now]:
            del self._delayed[job_id]
            self._line.put(self._live[job_id])
