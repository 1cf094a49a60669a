"""Jobs that come after others: they may run once those are completed, and fail if one does not.

What a job waits for is on disk with it, so nothing is lost if the daemon dies between the end of
one job and what that means for another: it is looked at again at the start.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from wantui.api.job import Job, JobState
from wantui.daemon.settle import settle
from wantui.errors import WrongState
from wantui.queue.jobs import Jobs


class Dependencies:
    """`wake` is called when a job may run that could not before."""

    def __init__(self, jobs: Jobs, wake: Callable[[], None]) -> None:
        self._jobs = jobs
        self._wake = wake
        self._waiting: defaultdict[int, set[int]] = defaultdict(set)
        """By the job that is waited for: who waits."""
        self._ended: asyncio.Queue[tuple[int, JobState | None]] = asyncio.Queue()
        """How each ended; None where that is to be looked up."""

    def start(self) -> None:
        """Look at every job that waits for others."""
        for job in self._jobs.live.values():
            self.heard(job)

    def heard(self, job: Job) -> None:
        """A job is new, or has changed."""
        if job.state.finished:
            if job.id in self._waiting:
                self._ended.put_nowait((job.id, job.state))
            return
        for wanted in job.unmet:
            self._waiting[wanted].add(job.id)
            if wanted not in self._jobs.live:
                self._ended.put_nowait((wanted, None))

    async def run(self) -> NoReturn:
        """Tell those who wait, one job after the other: a chain of any length is no recursion."""
        while True:
            ended, state = await self._ended.get()
            if waiting := self._waiting.pop(ended, None):
                state = state or (await self._jobs.states([ended])).get(ended)
                for job_id in sorted(waiting):
                    await settle(partial(self._decide, job_id, ended, state))
                self._wake()

    async def _decide(self, job_id: int, ended: int, state: JobState | None) -> None:
        with contextlib.suppress(WrongState):  # it was cancelled meanwhile
            await self._jobs.after(job_id, ended, state)
