"""Removing finished jobs: a plan to the byte first, then the row, then the folder.

A folder is moved aside before its row goes, so that a kill in between leaves either the whole job
or none of it: the next start puts back what still has a row, and removes what has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wantui.api.cleaning import Cleaned, Cleaning, CleanRequest, What
from wantui.daemon.job_folder import JobFolder
from wantui.errors import DiskFull, WrongState
from wantui.paths import Paths
from wantui.queue.jobs import Jobs
from wantui.queue.retention import Ended, Sized, asked_for, with_video, without_video
from wantui.settings import RetentionSettings

ASIDE = ".going-"
"""What the name of a folder begins with that is on its way out."""

log = logging.getLogger(__name__)


class Cleaner:
    def __init__(self, paths: Paths, jobs: Jobs, rules: RetentionSettings) -> None:
        self._paths = paths
        self._jobs = jobs
        self._rules = rules
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Finish what a kill cut short."""
        aside = {int(path.name.removeprefix(ASIDE)): path for path in self._aside()}
        if aside:
            still_there = await self._jobs.states(aside)
            await asyncio.to_thread(self._finish, aside, set(still_there))

    async def clean(self, request: CleanRequest, *, dry_run: bool) -> Cleaning:
        """Raises UnknownJob or WrongState for a named job that is not there, or has not ended."""
        async with self._one_at_a_time:
            chosen = await self._chosen(request)
            what = What.CHECKPOINT if request.checkpoints else What.JOB
            return await self._go(chosen, what, dry_run=dry_run)

    async def tidy(self) -> None:
        """What the settings' rules keep no longer."""
        async with self._one_at_a_time:
            now = time.time()
            ended = await self._jobs.ended()
            gone = without_video(ended, self._rules, now)
            if self._rules.videos_s or self._rules.videos or self._rules.videos_bytes:
                videos = [job for job in ended if job.has_video]
                gone += with_video(await asyncio.to_thread(self._sized, videos), self._rules, now)
            await self._go(gone, What.JOB, dry_run=False)
            if self._rules.checkpoints_s:
                oldest = now - self._rules.checkpoints_s
                stale = [job for job in ended if job.finished_at < oldest and job not in gone]
                await self._go(stale, What.CHECKPOINT, dry_run=False)

    async def _chosen(self, request: CleanRequest) -> list[Ended]:
        if not request.jobs:
            return asked_for(await self._jobs.ended(), request, time.time())
        wanted = dict.fromkeys(request.jobs)
        for job_id in wanted:
            job = await self._jobs.get(job_id)
            if not job.state.finished:
                raise WrongState(
                    f"job {job_id} is {job.state}: only what has ended is removed",
                    hint=f"run: wantui cancel {job_id}",
                )
        return [job for job in await self._jobs.ended() if job.id in wanted]

    async def _go(self, jobs: Sequence[Ended], what: What, *, dry_run: bool) -> Cleaning:
        freed = await asyncio.to_thread(self._freed, jobs, what)
        if what is What.CHECKPOINT:
            jobs = [job for job in jobs if freed[job.id]]
        if not dry_run and jobs:
            await (self._remove(jobs) if what is What.JOB else self._drop_checkpoints(jobs))
        items = [
            Cleaned(
                job=job.id,
                what=what,
                state=job.state,
                video=job.has_video and what is What.JOB,
                freed_bytes=freed[job.id],
            )
            for job in jobs
        ]
        return Cleaning(done=not dry_run, items=tuple(items), freed_bytes=sum(freed.values()))

    async def _remove(self, jobs: Sequence[Ended]) -> None:
        ids = [job.id for job in jobs]
        log.info("removing %d finished job(s)", len(ids))
        try:
            await asyncio.to_thread(self._move_aside, ids)
            await self._forget(ids)
        finally:
            await self.start()

    async def _forget(self, ids: Sequence[int]) -> None:
        """Where the disk is too full even for that, what was to be freed is freed first."""
        try:
            await self._jobs.remove(ids)
        except DiskFull:
            for path in self._aside():
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            await self._jobs.remove(ids)

    async def _drop_checkpoints(self, jobs: Sequence[Ended]) -> None:
        for job in jobs:
            await asyncio.to_thread(self._folder(job.id).drop_checkpoint)

    def _freed(self, jobs: Sequence[Ended], what: What) -> dict[int, int]:
        """Bytes by job: a file counts once all of its names go, with the last job that has one."""
        names: Counter[tuple[int, int]] = Counter()
        freed: dict[int, int] = {}
        for job in jobs:
            freed[job.id] = 0
            for info in self._files(job, what):
                names[info.st_dev, info.st_ino] += 1
                if names[info.st_dev, info.st_ino] == info.st_nlink:
                    freed[job.id] += info.st_size
        return freed

    def _files(self, job: Ended, what: What) -> Iterator[os.stat_result]:
        folder = self._folder(job.id)
        paths = folder.path.rglob("*") if what is What.JOB else (folder.checkpoint,)
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISDIR((info := path.lstat()).st_mode):
                    yield info

    def _sized(self, jobs: Sequence[Ended]) -> list[Sized]:
        """What each takes, whatever else has the same files."""
        return [
            Sized(job, sum(info.st_size for info in self._files(job, What.JOB))) for job in jobs
        ]

    def _move_aside(self, job_ids: Iterable[int]) -> None:
        for job_id in job_ids:
            folder = self._paths.job(job_id)
            if folder.exists():
                folder.rename(self._paths.jobs / f"{ASIDE}{job_id}")

    def _finish(self, aside: dict[int, Path], still_there: set[int]) -> None:
        for job_id, path in aside.items():
            if job_id in still_there:
                path.rename(self._paths.job(job_id))
            else:
                shutil.rmtree(path, ignore_errors=True)

    def _aside(self) -> list[Path]:
        names = self._paths.jobs.glob(f"{ASIDE}*")
        return [path for path in names if path.name.removeprefix(ASIDE).isdigit()]

    def _folder(self, job_id: int) -> JobFolder:
        return JobFolder(self._paths.job(job_id))
