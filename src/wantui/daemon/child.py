"""A process of the daemon's on the other end of a socketpair: lines down, lines up, a sure end.

It sees its end of the pipe close when this process dies, and asks the kernel to kill it with its
parent (prctl(2), PR_SET_PDEATHSIG), which holds because it is spawned from the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from wantui.pipe.framing import MAX_LINE_BYTES, encode
from wantui.pipe.messages import Message

EXIT_S = 10.0
"""How long one that was told to leave, or killed, may take, in seconds."""

log = logging.getLogger(__name__)


class Child:
    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ended: Callable[[int], None],
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._watching = asyncio.create_task(self._watch(ended))
        self._dismissed = False

    @classmethod
    async def start(
        cls,
        module: str,
        environment: Mapping[str, str],
        log_file: Path,
        ended: Callable[[int], None],
    ) -> Self:
        """Run a module of ours; what it prints goes to the log. Raises OSError.

        `ended` is told its process id once it is gone.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            flags = ("--fd", str(theirs.fileno()), "--parent", str(os.getpid()))
            try:
                with log_file.open("ab") as output:
                    process = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-P", "-m", module),
                        *flags,
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        pass_fds=(theirs.fileno(),),
                        env=dict(environment),
                        start_new_session=True,
                    )
            except OSError:
                ours.close()
                raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE_BYTES)
        return cls(process, reader, writer, ended)

    async def _watch(self, ended: Callable[[int], None]) -> None:
        await self._process.wait()
        ended(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Message) -> None:
        """Hand it over; to one that has just died it is lost, and `line` says so."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(encode(message))

    async def line(self) -> bytes | None:
        """What it sent next; None once it sends nothing more."""
        try:
            line = await self._reader.readline()
        except (ConnectionError, ValueError):
            return None
        return line if line.endswith(b"\n") else None

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def end(self) -> None:
        """Returns once its process has ended."""
        await self._process.wait()

    async def left(self) -> bool:
        """Wait for its end; whether that came in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_S):
                await self.end()
        return self.ended

    async def kill(self) -> None:
        """End it now, with everything that it started.

        `ended` is false afterwards if the kernel does not let go of it, as in a driver that hangs.
        """
        self.dismiss()
        if not await self.left():
            log.error("process %d does not die: it hangs in the kernel", self.pid)

    def dismiss(self) -> None:
        """As `kill`, without waiting: who waits for a slow disk ends when that is done."""
        self._dismissed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._writer.close()

    @property
    def was_killed(self) -> bool:
        """Whether someone else than us sent it SIGKILL."""
        return self._process.returncode == -signal.SIGKILL and not self._dismissed

    async def ending(self) -> str:
        """How it ended, in words that go after its name."""
        if not await self.left():
            return "closed its pipe and hangs"
        code = self._process.returncode or 0
        if code == -signal.SIGKILL:
            return "was killed (SIGKILL)"
        if code < 0:
            return f"died of {signal.Signals(-code).name}"
        return f"exited with status {code}"
