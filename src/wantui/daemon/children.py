"""The processes of this daemon, written down so that the next one finds those that outlive it.

They die with us three times over: the kernel kills them (PR_SET_PDEATHSIG), their pipe ends, and
the next daemon's reaper ends what is left, such as one that a driver holds in the kernel. It goes
by process id *and* start time, since ids are used again, and within one boot of the machine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from wantui.daemon.child import Child
from wantui.files import PRIVATE_FILE, private_folder
from wantui.process import started_at

REAP_S = 1.0
"""How long the reaper waits for those that it killed."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


class Children:
    """`folder` holds a file for each that runs, by process id: its start time, boot and module."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def start(self, module: str, environment: Mapping[str, str], log_file: Path) -> Child:
        """Run a module of ours; what it prints goes to the log. Raises OSError."""
        child = await Child.start(module, environment, log_file, ended=self._forget)
        self._remember(child.pid, module)
        return child

    def reap(self) -> list[int]:
        """End what an earlier daemon has left; returns their process ids.

        Whoever calls this holds the daemon's lock: there is nobody else whose children they are.
        """
        private_folder(self._folder)
        left = [one for path in self._folder.iterdir() if (one := _left(path)) is not None]
        for one in left:
            log.warning("%s, process %d, outlived its daemon: killing it", one.module, one.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
        deadline = time.monotonic() + REAP_S
        for one in left:
            if not one.ends_by(deadline):
                log.error("process %d does not end: it may hold its device still", one.pid)
        for path in self._folder.iterdir():
            path.unlink(missing_ok=True)
        return [one.pid for one in left]

    def _remember(self, pid: int, module: str) -> None:
        """A note that cannot be written costs the reaper one of three ways, and nobody a job."""
        path = self._folder / str(pid)
        try:
            path.touch(PRIVATE_FILE)
            path.write_text(f"{started_at(pid)} {_boot_id()} {module}\n", "utf-8")
        except OSError as error:
            log.warning("%s: %s", path, error)

    def _forget(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            (self._folder / str(pid)).unlink(missing_ok=True)


class _Left(NamedTuple):
    """A process that is still there, held by a descriptor of it rather than by its number."""

    pid: int
    module: str
    descriptor: int

    def ends_by(self, deadline: float) -> bool:
        """Wait for its end."""
        try:
            patience_s = max(deadline - time.monotonic(), 0.0)
            return bool(select.select([self.descriptor], [], [], patience_s)[0])
        finally:
            os.close(self.descriptor)


def _left(note: Path) -> _Left | None:
    """The process that a note is of, if it still runs."""
    try:
        pid = int(note.name)
        began, boot, module = note.read_text("utf-8").split()
        descriptor = os.pidfd_open(pid)
    except (ValueError, OSError):  # half a note, or a process that is gone
        return None
    if boot == _boot_id() and began == str(started_at(pid)):
        return _Left(pid, module, descriptor)
    os.close(descriptor)  # another process has that number now
    return None


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return "?"
