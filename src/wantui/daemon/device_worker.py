"""The worker of one device: started when it is needed, watched, kept a while, and let go."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import NamedTuple

from wantui.api.worker import WorkerState
from wantui.daemon.children import Children
from wantui.daemon.inventory import Inventory
from wantui.daemon.logs import rotated
from wantui.daemon.machine import Machine
from wantui.daemon.memory_back import MemoryBack
from wantui.daemon.supervisor import WorkerProcess
from wantui.daemon.workers import WorkerBoard
from wantui.errors import WorkerStartFailed
from wantui.paths import Paths
from wantui.settings import Settings

log = logging.getLogger(__name__)


class _Pinned(NamedTuple):
    """A model that somebody asked to be kept, and until when by the wall clock."""

    model: str
    until: float


class DeviceWorker:
    """`ended` is set when a worker that nobody uses has died."""

    def __init__(
        self,
        device: str,
        device_name: str,
        *,
        paths: Paths,
        settings: Settings,
        machine: Machine,
        inventory: Inventory,
        board: WorkerBoard,
        children: Children,
        ended: asyncio.Event,
    ) -> None:
        self._device = device
        self._device_name = device_name
        self._paths = paths
        self._settings = settings
        self._machine = machine
        self._inventory = inventory
        self._board = board
        self._children = children
        self._ended = ended
        self._memory = MemoryBack(device, machine.read)
        self._process: WorkerProcess | None = None
        self._undead: WorkerProcess | None = None
        """One that was killed and does not end: the device is its own as long as it is there."""
        self._watching: asyncio.Task[None] | None = None
        self.model: str | None = None
        """What it holds loaded."""
        self._keep_until = 0.0
        """When an idle worker is let go, in seconds of the wall clock; infinite for never."""
        self._pinned: _Pinned | None = None

    @property
    def there(self) -> bool:
        return self._process is not None

    @property
    def silent_s(self) -> float:
        """How long nothing was heard of it; of one that is idle, nothing is."""
        return self._process.silent_s if self._process is not None else 0.0

    async def ready(self) -> WorkerProcess:
        """The one that runs, or a new one. Raises WorkerStartFailed."""
        if self._process is not None and self._process.ended:
            await self.drop()
        if self._process is None:
            await self._start()
        if self._process is None:
            raise AssertionError("it was started")
        return self._process

    async def _start(self) -> None:
        if self._undead is not None and not self._undead.ended:
            raise WorkerStartFailed(
                f"worker {self._undead.pid} was killed and does not end: a driver holds it",
                hint="see: dmesg; if it stays, the machine has to be started again",
            )
        self._undead = None
        self.show(WorkerState.STARTING)
        self._memory.starting(self._machine.last)
        log_file = rotated(self._paths.logs / "worker.log", self._settings.logs)
        self._process = await WorkerProcess.start(
            self._children, self._device, log_file, self._settings.worker.start_timeout_s
        )
        self._watching = asyncio.create_task(self._watch(self._process))

    async def _watch(self, worker: WorkerProcess) -> None:
        """An idle worker that dies is noticed then, not when the next job needs it."""
        await worker.end()
        self._ended.set()

    def took(self, device_bytes: int) -> None:
        """It was ordered what takes so much of the device."""
        self._memory.took(device_bytes)

    async def memory_back(self) -> None:
        """Returns once what an earlier worker had of a GPU is free again, or is not waited for."""
        await self._memory.confirmed()

    async def holds(self, model: str | None) -> None:
        """It took a model in, or let it go."""
        before, self.model = self.model, model
        for name in (before, model):
            if name is not None:
                await self._inventory.look(name)

    def pin(self, model: str, keep_alive_s: float | None) -> None:
        """Keep it for so long without work, or, with None, until it is told otherwise."""
        until = math.inf if keep_alive_s is None else time.time() + keep_alive_s
        self._pinned = _Pinned(model, until)

    def rests(self) -> None:
        """From now on it is idle: it is kept a while, and a model that is pinned as long as that
        says. Another model in its place ends that.
        """
        if self._pinned is not None and self._pinned.model != self.model:
            self._pinned = None
        self._keep_until = (
            time.time() + self._settings.worker.keep_alive_s
            if self._pinned is None
            else self._pinned.until
        )
        if self._process is not None:
            self.show(WorkerState.IDLE)

    @property
    def kept_s(self) -> float:
        """For how long an idle one is kept still; infinite where there is none, or for good."""
        return math.inf if self._process is None else self._keep_until - time.time()

    async def let_go(self) -> None:
        """Have an idle one leave."""
        if self._process is not None:
            await self._process.leave()
        self._pinned = None
        await self.drop()

    async def drop_if_ended(self) -> None:
        """Forget one that has died while it was idle."""
        if self._process is not None and self._process.ended:
            log.warning("worker %d ended while it was idle", self._process.pid)
            await self.drop()

    async def drop(self) -> None:
        """End it now, if there is one, and forget what it held."""
        process, self._process = self._process, None
        model, self.model = self.model, None
        if self._watching is not None:
            self._watching.cancel()
        if process is not None:
            await process.kill()
            self._memory.gone()
            if not process.ended:
                self._undead = process
        self.show(WorkerState.GONE)
        if model is not None:
            await self._inventory.look(model)

    def show(self, state: WorkerState, job: int | None = None) -> None:
        idle = state is WorkerState.IDLE
        kept = self._keep_until if idle and math.isfinite(self._keep_until) else None
        self._board.set(
            self._device,
            self._device_name,
            state,
            pid=self._process.pid if self._process else None,
            model=self.model,
            job=job,
            kept_until=kept,
            pinned=idle and self._pinned is not None,
        )
