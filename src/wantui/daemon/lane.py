"""One device's lane: takes job after job, keeps its worker alive between them, survives it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import NoReturn

from wantui.api.worker import WorkerState
from wantui.daemon.attempt import Attempt, order_for
from wantui.daemon.inventory import Inventory
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.logs import rotated
from wantui.daemon.planner import Planner
from wantui.daemon.scheduler import Claim, Scheduler
from wantui.daemon.settle import settle
from wantui.daemon.supervisor import WorkerProcess
from wantui.daemon.workers import WorkerBoard
from wantui.errors import (
    DiskFull,
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

log = logging.getLogger(__name__)


class Lane:
    """Owns one device. `run` until it is cancelled; then the job goes back to the queue."""

    def __init__(
        self,
        device: str,
        device_name: str,
        *,
        paths: Paths,
        settings: Settings,
        scheduler: Scheduler,
        jobs: Jobs,
        inventory: Inventory,
        planner: Planner,
        board: WorkerBoard,
    ) -> None:
        self._device = device
        self._device_name = device_name
        self._paths = paths
        self._settings = settings
        self._scheduler = scheduler
        self._jobs = jobs
        self._inventory = inventory
        self._planner = planner
        self._board = board
        self._wake = asyncio.Event()
        self._asked_to_stop = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._job: int | None = None
        self._model: str | None = None
        self._worker: WorkerProcess | None = None
        self._keep_until = 0.0
        """When an idle worker is let go, by the loop's clock."""
        self._watching: asyncio.Task[None] | None = None
        self._doubted: set[int] = set()
        """Jobs whose weights were read again once because they did not load."""
        self._failed_starts = 0
        self._start_again = 0.0

    async def drained(self) -> None:
        """Returns once no job runs here."""
        await self._free.wait()

    def wake(self) -> None:
        """Something changed: look for a job."""
        self._wake.set()

    def stop(self, job_id: int) -> None:
        """The job was cancelled or held: have its worker stop, if it is here."""
        if self._job == job_id:
            self._asked_to_stop.set()

    async def run(self) -> NoReturn:
        try:
            while True:
                self._wake.clear()
                claim = None
                if _now() >= self._start_again:
                    claim = await self._scheduler.claim(self._device, self._choose)
                if claim is not None:
                    await self._attempt(claim)
                    self._keep_until = _now() + self._settings.worker.keep_alive_s
                self._job = None
                self._free.set()
                if claim is None:
                    await self._rest()
        finally:
            await asyncio.shield(self._drop_worker())

    def _choose(self, job_id: int) -> None:
        self._job = job_id
        self._free.clear()
        self._asked_to_stop.clear()

    async def _rest(self) -> None:
        """Wait until there may be something to do; a worker that dies or idles too long is let go.

        Also until a worker that did not start is worth another try.
        """
        if self._worker is not None and self._worker.ended:
            log.warning("worker %d ended while it was idle", self._worker.pid)
            await self._drop_worker()
        limits_s = [LOOK_AGAIN_S] if self._scheduler.look_again else []
        if self._failed_starts:
            limits_s.append(self._start_again - _now())
        if self._worker is not None:
            limits_s.append(self._keep_until - _now())
        try:
            async with asyncio.timeout(max(min(limits_s), 0.0) if limits_s else None):
                await self._wake.wait()
        except TimeoutError:
            if self._worker is not None and _now() >= self._keep_until:
                log.info("worker %d was idle for long: letting it go", self._worker.pid)
                await self._worker.leave()
                await self._drop_worker()

    async def _attempt(self, claim: Claim) -> None:
        """Carry a claimed job out; whatever happens, it has an outcome on disk afterwards."""
        job_id = claim.job.id
        try:
            try:
                worker = await self._ready_worker()
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
                await self._generate(claim, worker, order)
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

    async def _generate(self, claim: Claim, worker: WorkerProcess, order: Generate) -> None:
        job_id, was_loaded = claim.job.id, self._model == claim.recipe.id
        self._show(WorkerState.BUSY)
        attempt = Attempt(job_id, worker, self._jobs, self._holds, self._asked_to_stop)
        failure = None
        try:
            await attempt.run(order, self._settings.worker.stop_grace_s)
        except WantuiError as error:
            failure = error
        if attempt.worker_is_good:
            self._show(WorkerState.IDLE)
        else:
            await self._drop_worker()
            await asyncio.to_thread(JobFolder(self._paths.job(job_id)).sweep)
        if failure is None:
            if attempt.completed is not None:
                await self._learn(claim, attempt.completed, was_loaded=was_loaded)
            return
        if attempt.killed_worker:  # none of the job's: it would not stop
            await settle(lambda: self._jobs.stopped(job_id))
        elif isinstance(failure, DiskFull):
            log.warning("job %d: %s: it runs again once there is room", job_id, failure.message)
            self._scheduler.disk_is_full()
            await settle(lambda: self._jobs.stopped(job_id))
        elif isinstance(failure, WeightsUnreadable | WeightsChanged) and self._doubts(job_id):
            log.warning("job %d: %s: its weights are verified again", job_id, failure.message)
            await settle(lambda: self._inventory.doubt(claim.recipe))
            await settle(lambda: self._jobs.stopped(job_id))
        elif isinstance(failure, OutOfMemory):
            await self._step_down(claim, failure)
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

    async def _step_down(self, claim: Claim, failure: OutOfMemory) -> None:
        """Have the job go on by a plan that takes less, if there is one."""
        job_id = claim.job.id
        change = await self._planner.step_down(claim.wanted, claim.plan, failure)
        if change is None:
            await self._fail(job_id, failure)
            return
        log.warning("job %d: %s", job_id, change.message)
        await settle(lambda: self._jobs.again(job_id, failure, change))

    def _doubts(self, job_id: int) -> bool:
        """Whether a job's weights, and not the job, may be to blame: once."""
        known = job_id in self._doubted
        self._doubted.add(job_id)
        return not known

    async def _no_worker(self, job_id: int, error: WorkerStartFailed) -> None:
        """None of the job's: it goes back, and the lane waits longer each time."""
        await self._drop_worker()
        wait_s = START_AGAIN_S[min(self._failed_starts, len(START_AGAIN_S) - 1)]
        self._failed_starts += 1
        self._start_again = _now() + wait_s
        self._scheduler.worker_starts(self._device, well=False)
        log.warning("%s: trying again in %g s", error.message, wait_s)
        await settle(lambda: self._jobs.put_back(job_id))

    async def _no_room(self, job_id: int) -> None:
        log.warning("job %d: no room for its folder", job_id)
        self._scheduler.disk_is_full()
        self._show(WorkerState.IDLE)
        await settle(lambda: self._jobs.put_back(job_id))

    async def _not_as_planned(self, job_id: int, error: WeightsChanged) -> None:
        log.warning("job %d: %s: it waits until they are verified", job_id, error.message)
        self._show(WorkerState.IDLE)
        await settle(lambda: self._jobs.put_back(job_id))

    async def _fail(self, job_id: int, error: WantuiError) -> None:
        log.warning("job %d: %s: %s", job_id, error.code, error.message)
        if self._worker is not None:
            self._show(WorkerState.IDLE)
        await settle(lambda: self._jobs.fail(job_id, error))

    async def _interrupt(self, job_id: int) -> None:
        await self._drop_worker()
        with contextlib.suppress(WantuiError):  # it ended just now, or there is no room to say so
            await self._jobs.stopped(job_id)

    async def _ready_worker(self) -> WorkerProcess:
        if self._worker is not None and self._worker.ended:
            await self._drop_worker()
        if self._worker is None:
            self._show(WorkerState.STARTING)
            log_file = rotated(self._paths.logs / "worker.log", self._settings.logs)
            timeout_s = self._settings.worker.start_timeout_s
            self._worker = await WorkerProcess.start(self._device, log_file, timeout_s)
            self._watching = asyncio.create_task(self._watch(self._worker))
            self._failed_starts = 0
            self._scheduler.worker_starts(self._device, well=True)
        return self._worker

    async def _watch(self, worker: WorkerProcess) -> None:
        """An idle worker that dies is noticed then, not when the next job needs it."""
        await worker.end()
        self._wake.set()

    async def _holds(self, model: str | None) -> None:
        """The worker took a model in, or let it go."""
        before, self._model = self._model, model
        self._show(WorkerState.BUSY)
        for name in (before, model):
            if name is not None:
                await self._inventory.look(name)

    async def _drop_worker(self) -> None:
        """End the worker, if there is one, and forget what it held."""
        worker, self._worker = self._worker, None
        model, self._model = self._model, None
        if self._watching is not None:
            self._watching.cancel()
        if worker is not None:
            await worker.kill()
        self._show(WorkerState.GONE)
        if model is not None:
            await self._inventory.look(model)

    def _show(self, state: WorkerState) -> None:
        self._board.set(
            self._device,
            self._device_name,
            state,
            pid=self._worker.pid if self._worker else None,
            model=self._model,
            job=self._job if state is WorkerState.BUSY else None,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
