"""The lock that makes this the only daemon, the socket that only its user can reach, and, where
the settings name one, a second for the users of a group.

uvicorn's own `--uds` leaves the socket open to everyone, and asyncio takes over a live socket's
path without a word: so the lock comes first, then a probe, then a bind of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shlex
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from uvicorn.protocols.http.h11_impl import H11Protocol

from wantui.daemon.permission import is_owner
from wantui.errors import DaemonElsewhere, DaemonRunning, FolderUnsafe, SettingsInvalid
from wantui.files import PRIVATE_FILE, private_folder, unwritable
from wantui.paths import MAX_SOCKET_PATH_BYTES
from wantui.peer import peer_uid
from wantui.text import one_line

BACKLOG = 512
PROBE_S = 1.0
MAX_HOLDER_BYTES = 300
"""A pid and the longest name that a machine may have: gethostname(2)."""
GROUP_FOLDER = 0o2750
"""Its group may look in and no more; what is made in it belongs to the group."""
GROUP_SOCKET = 0o660

log = logging.getLogger(__name__)


@contextlib.contextmanager
def only_daemon(lock: Path) -> Iterator[None]:
    """Hold the lock for as long as this is open; pid and machine are in the file.

    Raises DaemonRunning, DaemonElsewhere, or FolderUnsafe where nothing can be locked.
    """
    private_folder(lock.parent)
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise unwritable(lock, error) from error
    try:
        _take(handle, lock)
        with contextlib.suppress(OSError):  # on a full disk nobody is told who holds it
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, lock: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        said = os.pread(handle, MAX_HOLDER_BYTES, 0).decode("utf-8", "replace")
        pid, _, host = one_line(said).strip().partition(" ")
        if host and host != socket.gethostname():
            raise DaemonElsewhere(f"a daemon is running already on {host} (pid {pid})") from error
        raise DaemonRunning(f"a daemon is running already (pid {pid or '?'})") from error
    except OSError as error:  # a network filesystem without locks
        raise FolderUnsafe(
            f"{lock} cannot be locked: {error.strerror}",
            hint="set WANTUI_HOME to a folder on a disk of this machine",
        ) from error


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A bound and listening socket, mode 0600 in a 0700 folder, removed again at the end.

    Raises DaemonRunning if someone else answers there.
    """
    private_folder(path.parent)
    with _listening(path, PRIVATE_FILE) as listener:
        yield listener


@contextlib.contextmanager
def listening_to_group(path: Path) -> Iterator[socket.socket]:
    """As `listening`, mode 0660 in a 2750 folder: for the group that the folder belongs to.

    Raises FolderUnsafe with the command that makes such a folder.
    """
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise SettingsInvalid(
            f"daemon.shared_socket: {path} is longer than {MAX_SOCKET_PATH_BYTES} bytes",
            hint="choose a shorter path: the kernel takes no longer one",
        )
    _need_group_folder(path.parent)
    with _listening(path, GROUP_SOCKET) as listener:
        yield listener


def _need_group_folder(folder: Path) -> None:
    name = shlex.quote(str(folder))
    try:
        info = folder.lstat()
    except OSError as error:
        raise FolderUnsafe(
            f"the folder of daemon.shared_socket, {folder}: {error.strerror}",
            hint=f"run: sudo install -d -o {os.getuid()} -g GROUP -m 2750 {name}",
        ) from error
    if not stat.S_ISDIR(info.st_mode):
        raise FolderUnsafe(f"{folder} is not a folder, or is a link", hint="name the folder itself")
    if info.st_uid != os.getuid():
        raise FolderUnsafe(
            f"{folder} belongs to uid {info.st_uid}, not to you",
            hint=f"run: sudo chown {os.getuid()} {name}",
        )
    if stat.S_IMODE(info.st_mode) != GROUP_FOLDER:
        raise FolderUnsafe(
            f"{folder} has mode {stat.S_IMODE(info.st_mode):04o}, not {GROUP_FOLDER:04o}: others "
            "could reach, or replace, what is in it",
            hint=f"run: chmod {GROUP_FOLDER:04o} {name}",
        )


@contextlib.contextmanager
def _listening(path: Path, mode: int) -> Iterator[socket.socket]:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~mode)
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


class PeerProtocol(H11Protocol):
    """HTTP for the daemon's own user and root; where a group listens in, for whom the folder of
    its socket lets in. The uid is the request's client host.
    """

    group_socket: Path | None = None
    _refused = False

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override] # as uvicorn's: a socket's is one
    ) -> None:
        uid = peer_uid(transport.get_extra_info("socket"))
        if not self._may_talk(uid, transport.get_extra_info("sockname")):
            log.warning("uid %d was turned away", uid)
            self._refused = True
            transport.abort()
            return
        super().connection_made(transport)
        self.client = (str(uid), 0)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._refused:
            super().connection_lost(exc)

    def _may_talk(self, uid: int, socket_name: str) -> bool:
        return is_owner(uid) or (
            self.group_socket is not None and socket_name == str(self.group_socket)
        )


def protocol_for(shared: Path | None) -> type[PeerProtocol]:
    """What uvicorn makes one of for every connection."""

    class Protocol(PeerProtocol):
        group_socket = shared

    return Protocol
