"""What comes about in the queue by itself: a job's time comes, others have ended, old ones go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import NoReturn

from wantui.api.job import Job
from wantui.daemon.alarm import Alarm
from wantui.daemon.cleaning import Cleaner
from wantui.daemon.dependencies import Dependencies
from wantui.daemon.uploads import Uploads
from wantui.errors import WantuiError
from wantui.paths import Paths
from wantui.queue.jobs import Jobs
from wantui.settings import RetentionSettings

TIDY_S = 3600.0
"""How often uploads that no job took, and jobs that are kept no longer, are looked for."""

log = logging.getLogger(__name__)


class Backlog:
    """`ready` is called when a job may run that could not before."""

    def __init__(
        self,
        paths: Paths,
        jobs: Jobs,
        uploads: Uploads,
        rules: RetentionSettings,
        ready: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._uploads = uploads
        self._dependencies = Dependencies(jobs, ready)
        self._alarm = Alarm(jobs.next_start, ready)
        self.cleaner = Cleaner(paths, jobs, rules)

    async def start(self) -> None:
        """Once the jobs are there, and before one of them changes."""
        self._dependencies.start()
        await self.cleaner.start()

    def heard(self, job: Job) -> None:
        """A job is new, or in another state."""
        self._dependencies.heard(job)
        self._alarm.look()

    def runs(self) -> tuple[Coroutine[None, None, NoReturn], ...]:
        """What goes on for as long as the daemon lives."""
        return self._dependencies.run(), self._alarm.run(), self._tidy()

    async def _tidy(self) -> NoReturn:
        while True:
            pictures = (job.params.image for job in self._jobs.live.values())
            needed = {picture.sha256 for picture in pictures if picture}
            try:
                await asyncio.to_thread(self._uploads.tidy, needed)
                await self.cleaner.tidy()
            except (OSError, WantuiError) as error:
                log.warning("tidying: %s", error)
            await asyncio.sleep(TIDY_S)
