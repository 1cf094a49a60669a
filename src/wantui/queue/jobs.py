"""All jobs: the unfinished ones in memory as they are this moment, every one in the database.

A change is on disk before anyone is told of it. Only progress lives in memory alone: it is worth
nothing after a crash.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType

from wantui.api.job import Job, JobState, JobWarning, Output, Params, Progress, Timings
from wantui.api.job import Jobs as Page
from wantui.api.plan import Plan
from wantui.api.video import Encoding
from wantui.database import Database
from wantui.errors import QueueFull, UnknownJob, WantuiError
from wantui.queue import table, transitions
from wantui.settings import QueueSettings

MAX_PAGE = 500


class Jobs:
    """Storage and state machine in one; `changed` is called after every change."""

    def __init__(
        self, database: Database, settings: QueueSettings, changed: Callable[[Job], None]
    ) -> None:
        self._database = database
        self._settings = settings
        self._changed = changed
        self._live: dict[int, Job] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._counts: Counter[JobState] = Counter()
        self._paused = False
        self._accepting = 0
        """Jobs whose commit is under way."""

    async def start(self) -> int:
        """Load what is unfinished; returns how many jobs the last daemon left running."""
        self._live = {job.id: job for job in await self._database.run(table.unfinished)}
        self._counts = Counter(await self._database.run(table.counts))
        self._paused = await self._database.run(table.paused)
        running = [job for job in self._live.values() if job.state is JobState.RUNNING]
        most = self._settings.max_interruptions
        for job in running:
            await self._change(
                job.id,
                lambda job: transitions.interrupted(job, time.time(), max_interruptions=most),
            )
        return len(running)

    @property
    def live(self) -> Mapping[int, Job]:
        """Every unfinished job by id."""
        return MappingProxyType(self._live)

    @property
    def counts(self) -> dict[JobState, int]:
        return {state: self._counts[state] for state in JobState}

    @property
    def paused(self) -> bool:
        return self._paused

    async def set_paused(self, value: bool) -> None:
        """Whether jobs are handed out; kept over restarts."""
        await self._database.run(lambda c: table.set_paused(c, value), durable=True)
        self._paused = value

    async def accept(
        self,
        *,
        model: str,
        quality: str,
        faithful: bool = True,
        params: Params,
        encoding: Encoding | None = None,
        asked_plan: Plan | None = None,
        warnings: tuple[JobWarning, ...] = (),
        owner: int,
        hold: bool,
        fetch: bool = False,
        unverified: bool = False,
        allow_degrade: bool = False,
    ) -> Job:
        """Keep a new job; it is safe once this returns. Raises QueueFull or DiskFull."""
        if len(self._live) + self._accepting >= self._settings.max_unfinished:
            raise QueueFull(f"{len(self._live)} jobs are waiting already")
        job = Job(
            id=0,
            rev=1,
            state=JobState.HELD if hold else JobState.QUEUED,
            model=model,
            quality=quality,
            faithful=faithful,
            warnings=warnings,
            params=params,
            encoding=encoding,
            asked_plan=asked_plan,
            owner=owner,
            fetch=fetch,
            unverified=unverified,
            allow_degrade=allow_degrade,
            created_at=time.time(),
        )
        self._accepting += 1
        try:
            return await asyncio.shield(self._insert(job))
        finally:
            self._accepting -= 1

    async def _insert(self, job: Job) -> Job:
        kept = await self._database.run(lambda c: table.insert(c, job), durable=True)
        self._live[kept.id] = kept
        self._counts[kept.state] += 1
        self._changed(kept)
        return kept

    async def get(self, job_id: int) -> Job:
        """Raises UnknownJob."""
        job = self._live.get(job_id)
        job = job or await self._database.run(lambda c: table.one(c, job_id))
        if job is None:
            raise UnknownJob(f"there is no job {job_id}")
        return job

    def with_lora(self, sha256: str) -> list[int]:
        """The unfinished jobs that a LoRA takes part in."""
        return [
            job.id
            for job in self._live.values()
            if any(lora.sha256 == sha256 for lora in job.params.loras)
        ]

    async def page(self, state: JobState | None, before: int | None, limit: int) -> Page:
        """Newest first, at most MAX_PAGE."""
        limit = min(max(limit, 1), MAX_PAGE)
        rows = await self._database.run(lambda c: table.page(c, state, before, limit))
        jobs = [await self._current(row) for row in rows]
        return Page(
            jobs=tuple(job for job in jobs if state in (None, job.state)),
            next_before=rows[-1].id if len(rows) == limit else None,
        )

    async def _current(self, row: table.Row) -> Job:
        """A job of a page as it is now: it may have ended since its row was read."""
        if live := self._live.get(row.id):
            return live
        job = row.job()
        return job if job.state.finished else await self.get(row.id)

    async def finished(self, limit: int) -> list[Job]:
        return await self._database.run(lambda c: table.finished(c, limit))

    async def with_image(self, sha256: str, limit: int) -> list[Job]:
        """Jobs that start from this picture, newest first."""
        return await self._database.run(lambda c: table.with_image(c, sha256, limit))

    async def last_models(self, limit: int) -> list[str]:
        return await self._database.run(lambda c: table.last_models(c, limit))

    async def cancel(self, job_id: int) -> Job:
        return await self._change(job_id, lambda job: transitions.cancel(job, time.time()))

    async def hold(self, job_id: int) -> Job:
        return await self._change(job_id, transitions.hold)

    async def release(self, job_id: int) -> Job:
        return await self._change(job_id, transitions.release)

    async def claim(self, job_id: int, plan: Plan) -> Job:
        return await self._change(job_id, lambda job: transitions.claim(job, plan, time.time()))

    async def complete(self, job_id: int, output: Output, timings: Timings) -> Job:
        return await self._change(
            job_id, lambda job: transitions.complete(job, output, timings, time.time())
        )

    async def fail(self, job_id: int, error: WantuiError) -> Job:
        most = self._settings.max_crashes
        return await self._change(
            job_id, lambda job: transitions.fail(job, error, time.time(), max_crashes=most)
        )

    async def again(self, job_id: int, error: WantuiError, warning: JobWarning) -> Job:
        """After an attempt that failed as another plan will not."""
        return await self._change(
            job_id, lambda job: transitions.again(job, error, warning, time.time())
        )

    async def refuse(self, job_id: int, error: WantuiError) -> Job:
        return await self._change(job_id, lambda job: transitions.refuse(job, error, time.time()))

    async def stopped(self, job_id: int) -> Job:
        return await self._change(job_id, lambda job: transitions.stopped(job, time.time()))

    async def put_back(self, job_id: int) -> Job:
        """A claim that came to nothing, through no fault of the job's."""
        return await self._change(job_id, lambda job: transitions.put_back(job, time.time()))

    async def started_worker(self, job_id: int, pid: int) -> Job:
        """Note which process carries out the attempt."""

        return await self._change(
            job_id, lambda job: transitions.started_worker(job, pid), durable=False
        )

    async def began(self, job_id: int, step: int) -> Job:
        """The attempt goes on after this step, 0 for none."""
        return await self._change(job_id, lambda job: transitions.began(job, step), durable=False)

    async def checkpointed(self, job_id: int, step: int) -> Job:
        """This step is on disk. Losing this note to a power cut loses no step."""
        return await self._change(
            job_id, lambda job: transitions.checkpointed(job, step), durable=False
        )

    async def warn(self, job_id: int, warning: JobWarning) -> Job:
        """Tell it once, however many attempts find it."""

        def add(job: Job) -> Job:
            if warning in job.warnings:
                return job
            return job.model_copy(update={"warnings": (*job.warnings, warning)})

        return await self._change(job_id, add, durable=False)

    def progress(self, job_id: int, progress: Progress) -> None:
        """In memory only; a change being committed meanwhile does not lose it."""
        job = self._live.get(job_id)
        if job is not None and job.state is JobState.RUNNING:
            self._live[job_id] = job.model_copy(update={"progress": progress, "rev": job.rev + 1})
            self._changed(self._live[job_id])

    async def _change(
        self, job_id: int, change: Callable[[Job], Job], *, durable: bool = True
    ) -> Job:
        """Apply `change` to a job, commit it, then make it visible.

        Whoever asked may be cancelled meanwhile: what was begun is carried through, so that memory
        never says other than the disk.
        """
        return await asyncio.shield(self._carry_through(job_id, change, durable))

    async def _carry_through(self, job_id: int, change: Callable[[Job], Job], durable: bool) -> Job:
        try:
            async with self._locks[job_id]:
                before = await self.get(job_id)
                after = change(before).model_copy(update={"rev": before.rev + 1})
                await self._database.run(lambda c: table.update(c, after), durable=durable)
                return self._show(before, after)
        finally:
            if job_id not in self._live:
                self._locks.pop(job_id, None)

    def _show(self, before: Job, after: Job) -> Job:
        """Replace the job in memory, keeping progress that arrived during the commit."""
        current = self._live.get(after.id, before)
        update: dict[str, object] = {"rev": max(current.rev, before.rev) + 1}
        if after.state is JobState.RUNNING and before.state is JobState.RUNNING:
            update["progress"] = current.progress
        shown = after.model_copy(update=update)
        self._counts[before.state] -= 1
        self._counts[shown.state] += 1
        if shown.state.finished:
            self._live.pop(shown.id, None)
        else:
            self._live[shown.id] = shown
        self._changed(shown)
        return shown
