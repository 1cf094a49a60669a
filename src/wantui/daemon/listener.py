"""The lock that makes this the only daemon, and the socket that only its user can reach.

uvicorn's own `--uds` leaves the socket open to everyone, and asyncio takes over a live socket's
path without a word: so the lock comes first, then a probe, then a bind of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from uvicorn.protocols.http.h11_impl import H11Protocol

from wantui.errors import DaemonRunning
from wantui.files import PRIVATE_FILE, private_folder

BACKLOG = 512
PROBE_S = 1.0
_UCRED = struct.Struct("3i")
"""pid, uid, gid: unix(7), SO_PEERCRED."""


@contextlib.contextmanager
def only_daemon(lock: Path) -> Iterator[None]:
    """Hold the lock for as long as this is open. Raises DaemonRunning."""
    private_folder(lock.parent)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
            raise DaemonRunning(f"a daemon is running already (pid {holder or '?'})") from error
        os.truncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def holder_of(lock: Path) -> int | None:
    """The pid of the daemon that holds the lock; None if none does."""
    try:
        handle = os.open(lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.pread(handle, 32, 0).decode("ascii", "replace").split()
        return int(said[0]) if said and said[0].isdigit() else None
    finally:
        os.close(handle)
    return None


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A bound and listening socket, mode 0600 in a 0700 folder, removed again at the end.

    Raises DaemonRunning if someone else answers there.
    """
    private_folder(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    inode = path.stat().st_ino
    try:
        listener.listen(BACKLOG)
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == inode:
                path.unlink()


def _remove_stale(path: Path) -> None:
    """We hold the lock: a socket that answers belongs to something else, a silent one to nobody."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise DaemonRunning(f"{path} is in the way and is no socket", hint="move it away")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(PROBE_S)
            try:
                probe.connect(str(path))
            except (ConnectionRefusedError, FileNotFoundError):
                path.unlink(missing_ok=True)
            else:
                raise DaemonRunning(f"something else listens at {path}")


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _, uid, _ = _UCRED.unpack(raw)
    return int(uid)


class PeerProtocol(H11Protocol):
    """HTTP for the daemon's own user (and root) only; the uid is the request's client host."""

    _refused = False

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override] # as uvicorn's: a socket's is one
    ) -> None:
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid not in (os.getuid(), 0):
            self._refused = True
            transport.abort()
            return
        super().connection_made(transport)
        self.client = (str(uid), 0)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._refused:
            super().connection_lost(exc)
