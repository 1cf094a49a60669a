"""One device's lane: takes job after job, keeps its worker alive between them, survives it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import NoReturn

from wantui.api.worker import WorkerState
from wantui.daemon.attempt import Attempt, order_for, settle
from wantui.daemon.inventory import Inventory
from wantui.daemon.logs import rotated
from wantui.daemon.scheduler import Claim, Scheduler
from wantui.daemon.supervisor import WorkerProcess
from wantui.daemon.workers import WorkerBoard
from wantui.errors import WantuiError, WorkerCrashed, WorkerStartFailed
from wantui.paths import Paths
from wantui.queue.jobs import Jobs
from wantui.settings import Settings

LOOK_AGAIN_S = 5.0
"""How often a lane looks whether missing weights or disk space are there."""

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
        board: WorkerBoard,
    ) -> None:
        self._device = device
        self._device_name = device_name
        self._paths = paths
        self._settings = settings
        self._scheduler = scheduler
        self._jobs = jobs
        self._inventory = inventory
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
        """Wait until there may be something to do; a worker that idles too long is let go."""
        limits_s = [LOOK_AGAIN_S] if self._scheduler.look_again else []
        if self._worker is not None:
            limits_s.append(max(self._keep_until - _now(), 0.0))
        try:
            async with asyncio.timeout(min(limits_s, default=None)):
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
            worker = await self._ready_worker()
            order = await asyncio.to_thread(order_for, claim, self._paths)
            self._model = claim.recipe.id
            self._show(WorkerState.BUSY)
            attempt = Attempt(job_id, worker, self._jobs, self._inventory, self._asked_to_stop)
            try:
                await attempt.run(order, self._settings.worker.stop_grace_s)
            finally:
                if attempt.worker_left:
                    await self._drop_worker()
            self._show(WorkerState.IDLE)
        except asyncio.CancelledError:
            await asyncio.shield(self._interrupt(job_id))
            raise
        except WantuiError as error:
            await self._ended_badly(job_id, error)

    async def _ended_badly(self, job_id: int, error: WantuiError) -> None:
        """Record the failure; a worker killed because it would not stop is none of the job's."""
        if isinstance(error, WorkerCrashed | WorkerStartFailed):
            await self._drop_worker()
        else:
            self._show(WorkerState.IDLE if self._worker else WorkerState.GONE)
        log.warning("job %d: %s: %s", job_id, error.code, error.message)
        if self._asked_to_stop.is_set():
            await settle(lambda: self._jobs.stopped(job_id))
        else:
            await settle(lambda: self._jobs.fail(job_id, error))

    async def _interrupt(self, job_id: int) -> None:
        await self._drop_worker()
        with contextlib.suppress(WantuiError):  # it ended just now, or there is no room to say so
            await self._jobs.stopped(job_id)

    async def _ready_worker(self) -> WorkerProcess:
        if self._worker is None:
            self._show(WorkerState.STARTING)
            log_file = rotated(self._paths.logs / "worker.log", self._settings.logs)
            timeout_s = self._settings.worker.start_timeout_s
            self._worker = await WorkerProcess.start(self._device, log_file, timeout_s)
        return self._worker

    async def _drop_worker(self) -> None:
        """End the worker, if there is one, and forget what it held."""
        worker, self._worker = self._worker, None
        model, self._model = self._model, None
        if worker is not None:
            await worker.kill()
        if model is not None:
            await self._inventory.set_loaded(model, loaded=False)
        self._show(WorkerState.GONE)

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
