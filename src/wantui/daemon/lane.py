"""One device's lane: takes job after job, keeps its worker alive between them, survives it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

from wantui.api.job import JobWarning
from wantui.api.worker import WorkerState
from wantui.daemon.attempt import Attempt, order_for
from wantui.daemon.backoff import Backoff
from wantui.daemon.device_worker import DeviceWorker
from wantui.daemon.inventory import Inventory
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.planner import Planner
from wantui.daemon.scheduler import Claim, Scheduler
from wantui.daemon.settle import settle
from wantui.daemon.supervisor import WorkerProcess
from wantui.daemon.timeouts import Timeouts
from wantui.errors import (
    CompileFailed,
    DaemonUnreachable,
    DiskFull,
    HostOutOfMemory,
    OutOfMemory,
    WantuiError,
    WeightsChanged,
    WeightsUnreadable,
    WorkerStartFailed,
)
from wantui.hardware.measured import Ran
from wantui.paths import Paths
from wantui.pipe.messages import Completed, Generate
from wantui.queue.jobs import Jobs
from wantui.settings import Settings

LOOK_AGAIN_S = 5.0
"""How often a lane looks whether missing weights or disk space are there."""
START_AGAIN_S = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""How long a lane whose worker does not start waits before each further try."""
CRASH_AGAIN_S = (0.0, *START_AGAIN_S)
"""And one whose worker crashed: at once for the first in a row, which may be the job's; but a
device that is broken must not use up the attempts of a whole queue in a minute."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Errand:
    """Something to be done by the lane when no job runs, before the next one does."""

    work: Callable[[], Awaitable[None]]
    done: asyncio.Future[None]


_Curable = OutOfMemory | HostOutOfMemory | CompileFailed
"""What another plan may do without."""


class Lane:
    """Owns one device. `run` until it is cancelled; then the job goes back to the queue.

    `wake` is set when there may be something to do.
    """

    def __init__(
        self,
        device: str,
        worker: DeviceWorker,
        *,
        wake: asyncio.Event,
        paths: Paths,
        settings: Settings,
        scheduler: Scheduler,
        jobs: Jobs,
        inventory: Inventory,
        planner: Planner,
    ) -> None:
        self.device = device
        self.worker = worker
        self._paths = paths
        self._settings = settings
        self._scheduler = scheduler
        self._jobs = jobs
        self._inventory = inventory
        self._planner = planner
        self._wake = wake
        self._asked_to_stop = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self.job: int | None = None
        """The one that runs here, or is about to."""
        self._errands: deque[_Errand] = deque()
        self._doubted: set[int] = set()
        """Jobs whose weights were read again once because they did not load."""
        self._excused: set[int] = set()
        """Jobs that ran out of memory once since others had taken it."""
        self._starts = Backoff(START_AGAIN_S)
        self._crashes = Backoff(CRASH_AGAIN_S)

    @property
    def at_work(self) -> int | None:
        """The job that runs here; one that has just ended does not, whatever is yet to be put in
        order after it.
        """
        return self.job if self.job in self._jobs.live else None

    async def drained(self) -> None:
        """Returns once no job runs here."""
        await self._free.wait()

    def wake(self) -> None:
        """Something changed: look for a job."""
        self._wake.set()

    def stop(self, job_id: int) -> None:
        """The job was cancelled or held: have its worker stop, if it is here."""
        if self.job == job_id:
            self._asked_to_stop.set()

    def yield_job(self) -> None:
        """Have the job that runs here, if any, keep its last step and go back to the queue."""
        if self.job is not None:
            self._asked_to_stop.set()

    async def run_errand(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have the lane do something once no job runs here. Raises what it raises."""
        errand = _Errand(work, asyncio.get_running_loop().create_future())
        self._errands.append(errand)
        self.wake()
        await asyncio.shield(errand.done)

    async def run(self) -> NoReturn:
        try:
            await self._planner.prepare(self.device)
            while True:
                self._wake.clear()
                await self._run_errands()
                claim = None
                if self._wait_s() <= 0:
                    await self.worker.memory_back()
                    loaded = self.worker.model
                    claim = await self._scheduler.claim(self.device, loaded, self._choose)
                if claim is not None:
                    await self._attempt(claim)
                    self.worker.rests()
                self.job = None
                self._free.set()
                if claim is None:
                    await self._rest()
        finally:
            self._refuse_errands()
            await asyncio.shield(self.worker.drop())

    async def _run_errands(self) -> None:
        while self._errands:
            errand = self._errands[0]
            try:
                await errand.work()
            except WantuiError as error:
                errand.done.set_exception(error)
            else:
                errand.done.set_result(None)
            self._errands.popleft()

    def _refuse_errands(self) -> None:
        for errand in self._errands:
            errand.done.set_exception(DaemonUnreachable("the daemon is stopping"))

    def _choose(self, job_id: int) -> None:
        self.job = job_id
        self._free.clear()
        self._asked_to_stop.clear()

    def _wait_s(self) -> float:
        """Until a worker that did not start, or crashed too often, is worth another try."""
        return max(self._starts.left_s(_now()), self._crashes.left_s(_now()))

    async def _rest(self) -> None:
        """Wait until there may be something to do; a worker that dies or idles too long is let go.

        Also until a worker is worth another try.
        """
        await self.worker.drop_if_ended()
        limits_s = [LOOK_AGAIN_S] if self._scheduler.look_again else []
        limits_s += [wait_s for wait_s in (self._wait_s(),) if wait_s > 0]
        limits_s += [kept_s for kept_s in (self.worker.kept_s,) if kept_s < math.inf]
        try:
            async with asyncio.timeout(max(min(limits_s), 0.0) if limits_s else None):
                await self._wake.wait()
        except TimeoutError:
            if self.worker.kept_s <= 0:
                log.info("the worker was idle for long: letting it go")
                await self.worker.let_go()

    async def _attempt(self, claim: Claim) -> None:
        """Carry a claimed job out; whatever happens, it has an outcome on disk afterwards."""
        job_id = claim.job.id
        try:
            try:
                worker = await self._ready_worker()
                timeouts = await self._timeouts(claim)
                order = await self._order(claim)
            except WorkerStartFailed as error:
                await self._no_worker(job_id, error)
            except WeightsChanged as error:
                await self._not_as_planned(job_id, error)
            except DiskFull:
                await self._no_room(job_id)
            except WantuiError as error:
                await self._fail(job_id, error)
            else:
                await self._generate(claim, worker, order, timeouts)
        except asyncio.CancelledError:
            await asyncio.shield(self._interrupt(job_id))
            raise

    async def _order(self, claim: Claim) -> Generate:
        """What the worker is told; it refuses files that are others than the order names.

        Those are looked at once they are named, for the worker may have started for long since
        they were planned with. Raises WeightsChanged, WeightsAbsent, FolderUnsafe or DiskFull.
        """
        order = await asyncio.to_thread(
            order_for, claim, self._paths, self._settings, self._inventory.verdicts
        )
        now = await self._inventory.weights(claim.recipe)
        if not now.state.usable or not (now.checked or claim.job.unverified):
            raise WeightsChanged(f"the weights of {claim.recipe.id} are not what was verified")
        return order

    async def _timeouts(self, claim: Claim) -> Timeouts:
        expected = await self._planner.expected(claim.wanted, claim.plan)
        steps, compiled = claim.job.params.steps, claim.plan.compiled
        return Timeouts(expected, steps, compiled, self._settings.worker)

    async def _generate(
        self, claim: Claim, worker: WorkerProcess, order: Generate, timeouts: Timeouts
    ) -> None:
        job_id, was_loaded = claim.job.id, self.worker.model == claim.recipe.id
        self.worker.took(claim.plan.device_bytes)
        self.worker.show(WorkerState.BUSY, job_id)
        attempt = Attempt(job_id, worker, self._jobs, self._holds, self._asked_to_stop)
        failure = None
        try:
            await attempt.run(order, self._settings.worker.stop_grace_s, timeouts)
        except WantuiError as error:
            failure = error
        await self._is_over(attempt)
        if failure is None:
            if attempt.completed is not None:
                await self._learn(claim, attempt.completed, was_loaded=was_loaded)
        elif attempt.killed_worker:  # none of the job's: it would not stop
            await settle(lambda: self._jobs.stopped(job_id))
        else:
            await self._explain(claim, failure)

    async def _is_over(self, attempt: Attempt) -> None:
        """What an attempt's end means for the worker, and for the next one."""
        if attempt.worker_is_good or attempt.killed_worker or attempt.kept_step:
            self._crashes.succeeded()
            self._scheduler.worker_starts(self.device, well=True)
        else:
            self._crashed()
        if attempt.worker_is_good:
            self.worker.show(WorkerState.IDLE)
        else:
            await self.worker.drop()
            await asyncio.to_thread(JobFolder(self._paths.job(attempt.job_id)).sweep)

    async def _explain(self, claim: Claim, failure: WantuiError) -> None:
        """What becomes of a job whose attempt failed."""
        job_id = claim.job.id
        if isinstance(failure, DiskFull):
            log.warning("job %d: %s: it runs again once there is room", job_id, failure.message)
            self._scheduler.disk_is_full()
            await settle(lambda: self._jobs.stopped(job_id))
        elif isinstance(failure, WeightsUnreadable | WeightsChanged) and self._doubts(job_id):
            log.warning("job %d: %s: its weights are verified again", job_id, failure.message)
            await settle(lambda: self._inventory.doubt(claim.recipe))
            await settle(lambda: self._jobs.stopped(job_id))
        elif isinstance(failure, _Curable):
            await self._by_another_plan(claim, failure)
        else:
            await self._fail(job_id, failure)

    async def _learn(self, claim: Claim, completed: Completed, *, was_loaded: bool) -> None:
        """Set what was measured beside what was estimated."""
        job = await self._jobs.get(claim.job.id)
        ran = Ran(
            job=job.id,
            at=time.time(),
            timings=completed.timings,
            peaks=completed.peaks,
            was_loaded=was_loaded,
            resumed=job.attempts[-1].from_step > 0,
        )
        await self._planner.learn(claim.wanted, claim.plan, ran)

    async def _by_another_plan(self, claim: Claim, failure: _Curable) -> None:
        """Have the job go on without what it could not have, if there is such a plan."""
        job_id = claim.job.id
        change = await self._change(claim, failure)
        if change is None:
            await self._fail(job_id, failure)
            return
        log.warning("job %d: %s", job_id, change.message)
        await settle(lambda: self._jobs.again(job_id, failure, change))

    async def _change(self, claim: Claim, failure: _Curable) -> JobWarning | None:
        """What is done otherwise. Memory that others took meanwhile proves nothing of a plan, but
        that is said of a job once: what they hold may differ by a little for ever.
        """
        if isinstance(failure, CompileFailed):
            return await self._planner.go_plain(failure)
        if claim.job.id not in self._excused:
            self._excused.add(claim.job.id)
            change = await self._planner.crowded_out(claim.wanted, claim.plan, failure)
            if change is not None:
                return change
        return await self._planner.step_down(claim.wanted, claim.plan, failure)

    def _doubts(self, job_id: int) -> bool:
        """Whether a job's weights, and not the job, may be to blame: once."""
        known = job_id in self._doubted
        self._doubted.add(job_id)
        return not known

    def _crashed(self) -> None:
        """The worker is lost, and brought nothing on."""
        wait_s = self._crashes.failed(_now())
        if wait_s > 0:
            log.warning("workers of %s keep crashing: waiting %g s", self.device, wait_s)
            self._scheduler.worker_starts(self.device, well=False)

    async def _no_worker(self, job_id: int, error: WorkerStartFailed) -> None:
        """None of the job's: it goes back, and the lane waits longer each time."""
        await self.worker.drop()
        wait_s = self._starts.failed(_now())
        self._scheduler.worker_starts(self.device, well=False)
        log.warning("%s: trying again in %g s", error.message, wait_s)
        await settle(lambda: self._jobs.put_back(job_id))

    async def _no_room(self, job_id: int) -> None:
        log.warning("job %d: no room for its folder", job_id)
        self._scheduler.disk_is_full()
        self.worker.show(WorkerState.IDLE)
        await settle(lambda: self._jobs.put_back(job_id))

    async def _not_as_planned(self, job_id: int, error: WeightsChanged) -> None:
        log.warning("job %d: %s: it waits until they are verified", job_id, error.message)
        self.worker.show(WorkerState.IDLE)
        await settle(lambda: self._jobs.put_back(job_id))

    async def _fail(self, job_id: int, error: WantuiError) -> None:
        log.warning("job %d: %s: %s", job_id, error.code, error.message)
        if self.worker.there:
            self.worker.show(WorkerState.IDLE)
        await settle(lambda: self._jobs.fail(job_id, error))

    async def _interrupt(self, job_id: int) -> None:
        await self.worker.drop()
        with contextlib.suppress(WantuiError):  # it ended just now, or there is no room to say so
            await self._jobs.stopped(job_id)

    async def _ready_worker(self) -> WorkerProcess:
        """Raises WorkerStartFailed."""
        worker = await self.worker.ready()
        self._starts.succeeded()
        if self._crashes.left_s(_now()) <= 0:
            self._scheduler.worker_starts(self.device, well=True)
        return worker

    async def _holds(self, model: str | None) -> None:
        """The worker took a model in, or let it go, for the job that runs."""
        await self.worker.holds(model)
        self.worker.show(WorkerState.BUSY, self.job)


def _now() -> float:
    return asyncio.get_running_loop().time()
