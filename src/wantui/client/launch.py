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
from wantui.client.unit import (
    Manager,
    Unit,
    command,
    environment_of_its_own,
    lingers,
    start_log,
)
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
    """Start our daemon unless one answers, and wait until it does. Safe to call twenty at once.

    By systemd where it was installed as a unit, or where what systemd runs outlives the session;
    else as a process of its own.
    """
    address = Address.find(paths, environment={})
    if hello := await _answers(address):
        return hello
    private_folder(paths.state)
    private_folder(paths.logs)
    log = start_log(paths)
    if hello := await _start_by_systemd(paths, address, settings.daemon.start_timeout_s):
        return hello
    pid = _spawn(log)
    deadline = asyncio.get_running_loop().time() + settings.daemon.start_timeout_s
    while asyncio.get_running_loop().time() < deadline:
        if hello := await _answers(address):
            return hello
        ended = _exit_code(pid)
        if ended:
            break
        if ended == 0 and lock_is_free(paths.lock):
            pid = _spawn(log)  # the daemon that it found was on its way out
        await asyncio.sleep(POLL_S)
    if hello := await _answers(address):
        return hello
    raise _start_failure(log)


async def _start_by_systemd(paths: Paths, address: Address, timeout_s: float) -> Hello | None:
    """None where systemd is not to be used, or is of no use. Raises DaemonStartFailed."""
    manager = await asyncio.to_thread(Manager.find)
    if manager is None:
        return None
    unit, log = Unit.of(paths), start_log(paths)
    log.unlink(missing_ok=True)
    if await asyncio.to_thread(manager.knows, unit):
        await asyncio.to_thread(manager.start, unit)
    elif lingers():
        await asyncio.to_thread(manager.run, unit, paths)
    else:
        return None
    deadline = asyncio.get_running_loop().time() + timeout_s
    while asyncio.get_running_loop().time() < deadline:
        if hello := await _answers(address):
            return hello
        if not await asyncio.to_thread(manager.is_up, unit):
            break
        await asyncio.sleep(POLL_S)
    if _said(log):
        raise _start_failure(log)
    return await _answers(address)


async def _answers(address: Address) -> Hello | None:
    try:
        address.check_owner()
        return await Client(address).hello()
    except DaemonUnreachable:
        return None


def _spawn(log: Path) -> int:
    """A daemon with a session of its own, so that the terminal's end does not reach it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        sys.executable,
        command(),
        environment_of_its_own(os.environ),
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


def _said(log: Path) -> str:
    try:
        return log.read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""


def _start_failure(log: Path) -> DaemonStartFailed:
    """With the daemon's own words, when it left some."""
    lines = _said(log).splitlines()
    said = {
        kind: one_line(text, 300)
        for kind, _, text in (line.partition(": ") for line in lines)
        if kind in ("error", "hint")
    }
    last = one_line(lines[-1], 300) if lines else "it did not answer in time"
    return DaemonStartFailed(
        f"the daemon did not start: {said.get('error', last)}", hint=said.get("hint")
    )
