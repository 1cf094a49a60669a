"""Finding a daemon, and starting one that outlives whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from wantui.api.hello import Hello
from wantui.client.address import Address
from wantui.client.client import Client
from wantui.errors import DaemonStartFailed, DaemonUnreachable
from wantui.files import PRIVATE_FILE, private_folder
from wantui.paths import Paths
from wantui.settings import Settings, load_settings
from wantui.text import one_line

POLL_S = 0.03


@contextlib.asynccontextmanager
async def open_client(
    paths: Paths, host: str | None = None, *, start: bool = True
) -> AsyncIterator[Client]:
    """A client of a daemon that answers; starts ours if none does and `start` allows it.

    Raises DaemonUnreachable, DaemonStartFailed, SettingsInvalid or VersionMismatch.
    """
    address = Address.find(paths, host)
    client = Client(address)
    try:
        address.check_owner()
        await client.hello()
    except DaemonUnreachable:
        if not (start and address.own):
            raise
        await start_daemon(paths, load_settings(paths))
        await client.hello()
    yield client


async def start_daemon(paths: Paths, settings: Settings) -> Hello:
    """Start our daemon unless one answers, and wait until it does. Safe to call twenty at once."""
    address = Address.find(paths, environment={})
    if hello := await _answers(address):
        return hello
    private_folder(paths.logs)
    start_log = paths.logs / "daemon-start.log"
    pid = _spawn(start_log)
    deadline = asyncio.get_running_loop().time() + settings.daemon.start_timeout_s
    while asyncio.get_running_loop().time() < deadline:
        if hello := await _answers(address):
            return hello
        ended = _exit_code(pid)
        if ended:
            break
        if ended == 0 and lock_is_free(paths.lock):
            pid = _spawn(start_log)  # the daemon that it found was on its way out
        await asyncio.sleep(POLL_S)
    if hello := await _answers(address):
        return hello
    raise _start_failure(start_log)


async def _answers(address: Address) -> Hello | None:
    try:
        address.check_owner()
        return await Client(address).hello()
    except DaemonUnreachable:
        return None


def _spawn(log: Path) -> int:
    """A daemon with a session of its own, so that the terminal's end does not reach it.

    `-P`: a module that lies where the command was given is none of ours.
    """
    command = [sys.executable, "-P", "-m", "wantui.daemon", "run", "--if-none"]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        sys.executable,
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, PRIVATE_FILE),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, handle) for handle in _foreign_handles()),
        ],
        setsid=True,
    )


def _foreign_handles() -> list[int]:
    """What whoever started us left open for every child: a lock or a pipe is not the daemon's."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        handle = int(entry.name)
        with contextlib.suppress(OSError):  # the one that listed them
            if handle > 2 and os.get_inheritable(handle):
                found.append(handle)
    return found


def _exit_code(pid: int) -> int | None:
    """How the child ended, once it has; a child that found a daemon ends with 0."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if ended == pid else None


def lock_is_free(lock: Path) -> bool:
    """Whether no daemon, starting, running or stopping, holds the lock."""
    try:
        handle = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _start_failure(log: Path) -> DaemonStartFailed:
    """With the daemon's own words, when it left some."""
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    said = {
        kind: one_line(text, 300)
        for kind, _, text in (line.partition(": ") for line in lines)
        if kind in ("error", "hint")
    }
    last = one_line(lines[-1], 300) if lines else "it did not answer in time"
    return DaemonStartFailed(
        f"the daemon did not start: {said.get('error', last)}", hint=said.get("hint")
    )
