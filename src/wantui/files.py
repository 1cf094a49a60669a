"""Writing files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from wantui.errors import DiskFull, FolderUnsafe

TEMPORARY_SUFFIX = ".wantui-tmp"
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_UMASK = os.umask(0o077)
os.umask(_UMASK)
SHARED_FILE = 0o666 & ~_UMASK
"""As any tool would make it: the hub's cache may be shared with other users."""


def private_folder(path: Path) -> Path:
    """Make `path` (and its parents) and see that it is a real folder, ours, and mode 0700.

    Raises FolderUnsafe if it is a link, belongs to another user, or cannot be made private, and
    DiskFull.
    """
    try:
        with full_disk_named(path):
            path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        info = path.lstat()
        if not stat.S_ISDIR(info.st_mode):
            raise FolderUnsafe(f"{path} is not a folder, or is a link")
        if info.st_uid != os.getuid():
            raise FolderUnsafe(f"{path} belongs to uid {info.st_uid}, not to you")
        if stat.S_IMODE(info.st_mode) != PRIVATE_FOLDER:
            path.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise FolderUnsafe(f"cannot make {path}: {error.strerror}") from error
    return path


def sync_folder(path: Path) -> None:
    """Make the renames in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_of(path: Path) -> tuple[int, int] | None:
    """Total and free bytes of the disk that `path` is on, or will be on; None if none tells."""
    for folder in (path, *path.parents):
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        return usage.total, usage.free
    return None


@contextlib.contextmanager
def full_disk_named(target: Path) -> Iterator[None]:
    """What fails inside for want of space raises DiskFull with the file's name."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left for {target}") from error
        raise


@contextlib.contextmanager
def atomic_path(target: Path, mode: int = PRIVATE_FILE) -> Iterator[Path]:
    """A temporary path beside `target` to write to; on success it is synced and renamed over it.

    Raises DiskFull, also for what the writing itself raises.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        with full_disk_named(target):
            yield temporary
            temporary.chmod(mode)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(target: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Replace a whole file: temporary name, fsync, rename, fsync of the folder. Raises DiskFull."""
    with atomic_path(target, mode) as temporary:
        temporary.write_bytes(content)


def sweep(folder: Path) -> int:
    """Remove what interrupted writes left below `folder`; returns how many files went."""
    leftovers = list(folder.rglob(f".*{TEMPORARY_SUFFIX}"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)
