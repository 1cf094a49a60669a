"""One worker process: started for a device, ordered, listened to, and ended for certain.

The worker sees the pipe's end close when this process dies, and asks the kernel to kill it with
its parent (prctl(2), PR_SET_PDEATHSIG), which holds because it is spawned from the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from wantui.errors import WorkerCrashed, WorkerStartFailed
from wantui.pipe.framing import MAX_LINE_BYTES, decode_report, encode
from wantui.pipe.messages import Exit, Order, Ready, Report

CPU = "cpu"
EXIT_S = 10.0
"""How long a worker that was told to leave may take, in seconds."""

log = logging.getLogger(__name__)


class WorkerProcess:
    """A worker that has said that it is ready."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, device: str, log_file: Path, timeout_s: float) -> Self:
        """Spawn a worker for one device and wait until it is ready.

        Raises WorkerStartFailed.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            command = (sys.executable, "-m", "wantui.worker")
            flags = ("--fd", str(theirs.fileno()), "--parent", str(os.getpid()))
            try:
                with log_file.open("ab") as output:
                    process = await asyncio.create_subprocess_exec(
                        *command,
                        *flags,
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        pass_fds=(theirs.fileno(),),
                        env=_environment(device),
                        start_new_session=True,
                    )
            except OSError as error:  # no memory, no processes, no room for a log
                ours.close()
                raise WorkerStartFailed(f"the worker cannot be started: {error}") from error
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE_BYTES)
        worker = cls(process, reader, writer)
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
        return self._process.pid

    def send(self, order: Order) -> None:
        """Hand an order over; one to a worker that has just died is lost, and `report` says so."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(encode(order))

    async def report(self) -> Report:
        """The next report. Raises WorkerCrashed when the process has ended, saying how."""
        try:
            line = await self._reader.readline()
        except (ConnectionError, ValueError):
            line = b""
        if not line.endswith(b"\n"):
            raise WorkerCrashed(f"the worker {await self._ending()}")
        try:
            return decode_report(line)
        except ValidationError as error:
            raise WorkerCrashed("the worker sent what is no report") from error

    async def leave(self) -> None:
        """Ask it to exit; kill it if it does not."""
        self.send(Exit())
        try:
            async with asyncio.timeout(EXIT_S):
                await self._process.wait()
        except TimeoutError:
            log.warning("worker %d does not leave: killing it", self.pid)
        await self.kill()

    async def kill(self) -> None:
        """End it now, with everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        self._writer.close()

    async def _ending(self) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_S):
                await self._process.wait()
        code = self._process.returncode
        if code is None:
            return "closed its pipe and hangs"
        if code == -signal.SIGKILL:
            return "was killed (SIGKILL): by hand, or by the kernel for want of memory"
        if code < 0:
            return f"died of {signal.Signals(-code).name}"
        return f"exited with status {code}"


def _environment(device: str) -> dict[str, str]:
    """The worker sees its own device only, and asks no hub for anything."""
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "" if device == CPU else device,
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
