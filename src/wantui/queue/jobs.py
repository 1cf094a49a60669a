"""All jobs: the unfinished ones in memory as they are this moment, every one in the database.

A change is on disk before anyone is told of it. Only progress lives in memory alone: it is worth
nothing after a crash.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from wantui.api.history import History
from wantui.api.job import Job, JobState, JobWarning, Output, Progress, Timings
from wantui.api.job import Jobs as Page
from wantui.api.move import Move
from wantui.api.plan import Plan
from wantui.database import Database
from wantui.errors import DiskFull, QueueFull, UnknownJob, WantuiError, WrongState
from wantui.failpoints import reached
from wantui.queue import batch, chronicle, history, retention, table, transitions
from wantui.queue.batch import Submission
from wantui.queue.crossing import ACCEPT, name_of
from wantui.queue.history import Wanted
from wantui.queue.order import Search
from wantui.queue.places import destination
from wantui.queue.retention import Ended
from wantui.queue.waiting import Waiting
from wantui.settings import QueueSettings

MAX_PAGE = 500
BREATH = 64
"""Jobs of a batch that are told of before others get the loop."""


def _nothing(_: sqlite3.Connection) -> None:
    """What most changes do beside."""


class Jobs:
    """Storage and state machine in one; `changed` is called after every change, `gone` when jobs
    are removed."""

    def __init__(
        self,
        database: Database,
        settings: QueueSettings,
        changed: Callable[[Job], None],
        gone: Callable[[tuple[int, ...]], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._changed = changed
        self._gone = gone
        self._live: dict[int, Job] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting = Waiting(self.live, settings.max_overtaken)
        self._newest = 0
        self._moving = asyncio.Lock()
        self._counts: Counter[JobState] = Counter()
        self._paused = False
        self._accepting = 0
        """Jobs whose commit is under way."""

    async def start(self) -> int:
        """Load what is unfinished; returns how many jobs the last daemon left running."""
        self._live.update({job.id: job for job in await self._database.run(table.unfinished)})
        self._counts = Counter(await self._database.run(table.counts))
        self._paused = await self._database.run(table.paused)
        self._newest = await self._database.run(table.newest)
        self._waiting.start(await self._database.run(table.turns))
        running = self.running
        most = self._settings.max_interruptions

        def interrupt(job: Job) -> Job:
            return transitions.interrupted(job, time.time(), max_interruptions=most)

        for job in running:
            try:
                await self._change(job.id, interrupt)
            except DiskFull:  # who reads it again finds it running, and does this again
                self._show(job, interrupt(job))
        return len(running)

    @property
    def live(self) -> Mapping[int, Job]:
        """Every unfinished job by id."""
        return MappingProxyType(self._live)

    @property
    def running(self) -> list[Job]:
        return [job for job in self._live.values() if job.state is JobState.RUNNING]

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

    @property
    def turns(self) -> tuple[int, ...]:
        """Owners of jobs that were started, the least recently served first."""
        return self._waiting.turns

    async def touch(self) -> None:
        """Write, without changing anything. Raises DiskFull or DatabaseUnusable."""
        await self._database.run(table.touch, durable=True)

    async def accept(
        self, drafts: Sequence[Job], submission: Submission | None = None
    ) -> list[Job]:
        """Keep new jobs, all or none; they are safe once this returns.

        What was sent before is the same jobs again. Raises QueueFull, KeyReused or DiskFull.
        """
        if len(self._live) + self._accepting + len(drafts) > self._settings.max_unfinished:
            raise QueueFull(f"the queue is full: {len(self._live)} not finished")
        self._accepting += len(drafts)
        try:
            return await asyncio.shield(self._insert(drafts, submission))
        finally:
            self._accepting -= len(drafts)

    async def sent_before(self, submission: Submission) -> list[Job] | None:
        """The jobs that a submission became, if it is known. Raises KeyReused or UnknownJob."""
        ids = await self._database.run(lambda c: batch.find(c, submission))
        return None if ids is None else [await self.get(job_id) for job_id in ids]

    async def _insert(self, drafts: Sequence[Job], submission: Submission | None) -> list[Job]:
        def keep(connection: sqlite3.Connection) -> batch.Accepted:
            kept = batch.keep(connection, drafts, submission)
            reached(f"{ACCEPT}.within")
            return kept

        reached(f"{ACCEPT}.before")
        accepted = await self._database.run(keep, durable=True)
        reached(f"{ACCEPT}.after")
        for number, job in enumerate(accepted.new):
            self._live[job.id] = job
            self._counts[job.state] += 1
            self._newest = max(self._newest, job.id)
            self._waiting.place(job)
            self._changed(job)
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)
        return [await self.get(job_id) for job_id in accepted.ids]

    async def get(self, job_id: int) -> Job:
        """Raises UnknownJob."""
        job = self._live.get(job_id)
        job = job or await self._database.run(lambda c: table.one(c, job_id))
        if job is None:
            raise UnknownJob(f"there is no job {job_id}")
        return job

    async def history(self, job_id: int) -> History:
        """What became of it so far. Raises UnknownJob."""
        await self.get(job_id)
        entries = await self._database.run(lambda c: chronicle.of(c, job_id))
        return History(job=job_id, entries=entries)

    def with_lora(self, sha256: str) -> list[int]:
        """The unfinished jobs that a LoRA takes part in."""
        return [
            job.id
            for job in self._live.values()
            if any(lora.sha256 == sha256 for lora in job.params.loras)
        ]

    async def page(self, wanted: Wanted, before: int | None, limit: int) -> Page:
        """Newest first, at most MAX_PAGE."""
        limit = min(max(limit, 1), MAX_PAGE)
        rows = await self._database.run(lambda c: history.page(c, wanted, before, limit))
        jobs = [await self._current(row) for row in rows]
        return Page(
            jobs=tuple(job for job in jobs if wanted.is_like(job)),
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

    def search(
        self,
        loaded: str | None = None,
        cannot_run: Callable[[Job], bool] = lambda _: False,
    ) -> Search:
        """Begin to look for the job to claim next: see `order.Line.search`."""
        return self._waiting.search(loaded, cannot_run)

    async def claim(self, job_id: int, plan: Plan, search: Search) -> Job:
        """Begin an attempt of a job that `search` led to; it was its owner's turn."""
        owner, turn = (await self.get(job_id)).owner, self._waiting.next_turn
        claimed = await self._change(
            job_id,
            lambda job: transitions.claim(job, plan, time.time()),
            beside=lambda c: table.take_turn(c, owner, turn),
        )
        self._waiting.claimed(job_id, owner, turn, search)
        return claimed

    async def move(self, job_id: int, move: Move) -> Job:
        """Have a waiting job stand elsewhere. Raises InvalidRequest, UnknownJob or WrongState."""
        async with self._moving:
            job = await self.get(job_id)
            if job.state.finished:
                raise WrongState(f"job {job_id} is {job.state}: it waits no more")
            place = destination(job, self._live.values(), move, self._newest)
            return await self._change(job_id, lambda job: transitions.moved(job, place))

    async def after(self, job_id: int, ended_id: int, state: JobState | None) -> Job:
        """A job that this one comes after has ended: well, or it fails with it."""
        return await self._change(
            job_id, lambda job: transitions.after(job, ended_id, state, time.time())
        )

    async def last_try(self, job_id: int) -> int:
        """The last job that was another try of this one, or of such a one; itself if none was."""
        return await self._database.run(lambda c: history.last_try(c, job_id))

    async def ended(self) -> list[Ended]:
        """All finished jobs, the oldest end first."""
        return await self._database.run(retention.ended)

    async def remove(self, job_ids: Collection[int]) -> None:
        """Forget finished jobs. Their ids are not used again."""
        counts = await self._database.run(lambda c: table.remove(c, job_ids), durable=True)
        self._counts.subtract(counts)
        self._gone(tuple(job_ids))

    async def states(self, job_ids: Iterable[int]) -> dict[int, JobState]:
        """Of those that are there."""
        return await self._database.run(lambda c: table.states(c, job_ids))

    def next_start(self) -> float | None:
        """When the next of the jobs that are not to start yet is, in seconds since the epoch."""
        return self._waiting.next_start()

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
        self,
        job_id: int,
        change: Callable[[Job], Job],
        *,
        durable: bool = True,
        beside: Callable[[sqlite3.Connection], None] = _nothing,
    ) -> Job:
        """Apply `change` to a job, commit it with what belongs to it, then make it visible.

        Whoever asked may be cancelled meanwhile: what was begun is carried through, so that memory
        never says other than the disk.
        """
        return await asyncio.shield(self._carry_through(job_id, change, durable, beside))

    async def _carry_through(
        self,
        job_id: int,
        change: Callable[[Job], Job],
        durable: bool,
        beside: Callable[[sqlite3.Connection], None],
    ) -> Job:
        try:
            async with self._locks[job_id]:
                before = await self.get(job_id)
                after = change(before).model_copy(update={"rev": before.rev + 1})
                await self._commit(before, after, beside, durable=durable)
                return self._show(before, after)
        finally:
            if job_id not in self._live:
                self._locks.pop(job_id, None)

    async def _commit(
        self,
        before: Job,
        after: Job,
        beside: Callable[[sqlite3.Connection], None],
        *,
        durable: bool,
    ) -> None:
        name = name_of(before, after)

        def update(connection: sqlite3.Connection) -> None:
            table.update(connection, after)
            beside(connection)
            reached(f"{name}.within")

        reached(f"{name}.before")
        await self._database.run(update, durable=durable)
        reached(f"{name}.after")

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
        self._waiting.place(shown)
        self._changed(shown)
        return shown
