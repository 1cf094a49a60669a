"""One worker process: started for a device, ordered, listened to, and ended for certain."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from wantui.daemon.child import Child
from wantui.daemon.children import Children
from wantui.errors import HostOutOfMemory, WorkerCrashed, WorkerKilled, WorkerStartFailed
from wantui.hardware.memory import oom_kills
from wantui.pipe.framing import decode_report
from wantui.pipe.messages import Exit, Order, Ready, Report

CPU = "cpu"

log = logging.getLogger(__name__)


class WorkerProcess:
    """A worker that has said that it is ready."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._oom_kills = oom_kills()
        """How often the kernel had killed for want of memory before."""
        self._heard_at = time.monotonic()

    @classmethod
    async def start(cls, children: Children, device: str, log_file: Path, timeout_s: float) -> Self:
        """Spawn a worker for one device and wait until it is ready.

        Raises WorkerStartFailed.
        """
        try:
            child = await children.start("wantui.worker", _environment(device), log_file)
        except OSError as error:  # no memory, no processes, no room for a log
            raise WorkerStartFailed(f"the worker cannot be started: {error}") from error
        worker = cls(child)
        try:
            await worker._be_ready(timeout_s)
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def _be_ready(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                report = await self.report()
        except TimeoutError as error:
            raise WorkerStartFailed(f"the worker was not ready in {timeout_s:g} s") from error
        except WorkerCrashed as error:
            raise WorkerStartFailed(f"the worker did not start: {error.message}") from error
        if not isinstance(report, Ready):
            raise WorkerStartFailed(f"the worker began with {report.kind!r} instead of 'ready'")
        log.info(
            "worker %d is ready on %s: torch %s, diffusers %s",
            report.pid, report.device, report.torch, report.diffusers,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._child.pid

    def send(self, order: Order) -> None:
        """Hand an order over; one to a worker that has just died is lost, and `report` says so."""
        self._heard_at = time.monotonic()  # an idle one is silent
        self._child.send(order)

    @property
    def silent_s(self) -> float:
        """Since it was heard or ordered something; one at work beats once a second."""
        return time.monotonic() - self._heard_at

    async def report(self) -> Report:
        """The next report. Raises WorkerCrashed, or what is known better, when it has ended."""
        line = await self._child.line()
        if line is None:
            raise await self._crash()
        self._heard_at = time.monotonic()
        try:
            return decode_report(line)
        except ValidationError as error:
            raise WorkerCrashed("the worker sent what is no report") from error

    async def _crash(self) -> WorkerCrashed:
        """How it ended. What the kernel kills for want of memory it counts, and says so nowhere
        else.
        """
        how = await self._child.ending()
        if not self._child.was_killed:
            return WorkerCrashed(f"the worker {how}")
        if oom_kills() > self._oom_kills:
            return HostOutOfMemory("the kernel killed the worker: host memory ran out")
        return WorkerKilled(f"the worker {how}, and not by wantui")

    @property
    def ended(self) -> bool:
        return self._child.ended

    async def end(self) -> None:
        """Returns once its process has ended, whoever ended it."""
        await self._child.end()

    async def leave(self) -> None:
        """Ask it to exit; kill it if it does not."""
        self.send(Exit())
        if not await self._child.left():
            log.warning("worker %d does not leave: killing it", self.pid)
        await self.kill()

    async def kill(self) -> None:
        """End it now, with everything that it started; `ended` is false if that was in vain."""
        await self._child.kill()


def _environment(device: str) -> dict[str, str]:
    """The worker sees its own device only, and asks no hub for anything."""
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "" if device == CPU else device,
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
