"""Writing files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import secrets
import shlex
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from wantui.errors import DiskFull, DiskReadOnly, FolderUnsafe, WantuiError

TEMPORARY_SUFFIX = ".wantui-tmp"
SYNC_BYTES = 32 << 20
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_UMASK = os.umask(0o077)
os.umask(_UMASK)
SHARED_FILE = 0o666 & ~_UMASK
"""As any tool would make it: the hub's cache may be shared with other users."""
_NEVER_WRITTEN = (errno.EINVAL, errno.EROFS)
"""fsync(2) on a file system that is only read: squashfs and its like."""


def private_folder(path: Path) -> Path:
    """Make `path` (and its parents) and see that it is a real folder, ours, and mode 0700.

    One that others could only look into is made private. Raises FolderUnsafe, with the command that
    mends it, if it is a link, belongs to another user, or others could write to it, for then they
    may have; DiskFull; and DiskReadOnly if it is not there yet.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        info = path.lstat()
        _need_own_folder(path, info)
        if stat.S_IMODE(info.st_mode) != PRIVATE_FOLDER:
            path.chmod(PRIVATE_FOLDER)
    except FileExistsError as error:  # a file, or a link to one or to nothing
        raise _not_a_folder(path) from error
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def _need_own_folder(path: Path, info: os.stat_result) -> None:
    name = shlex.quote(str(path))
    if not stat.S_ISDIR(info.st_mode):
        raise _not_a_folder(path)
    if info.st_uid != os.getuid():
        raise FolderUnsafe(
            f"{path} belongs to uid {info.st_uid}, not to you",
            hint=f"run: sudo chown -R {os.getuid()} {name}, or set WANTUI_HOME",
        )
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise FolderUnsafe(
            f"{path} has mode {stat.S_IMODE(info.st_mode):04o}: others can write to it",
            hint=f"see that nobody has, then run: chmod 700 {name}",
        )


def _not_a_folder(path: Path) -> FolderUnsafe:
    name = shlex.quote(str(path))
    hint = f"run: mv {name} {shlex.quote(f'{path}.old')}, or set WANTUI_HOME"
    if path.is_symlink():
        hint = f"run: rm {name}; to have it elsewhere, set WANTUI_HOME"
    return FolderUnsafe(f"{path} is not a folder, or is a link", hint=hint)


def unwritable(path: Path, error: OSError) -> WantuiError:
    """What is to be said when `path` cannot be made or written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left for {path}")
    if error.errno == errno.EROFS:
        return DiskReadOnly(f"{path} is on a file system that takes no writes")
    return FolderUnsafe(f"cannot make {path}: {error.strerror}")


@functools.cache
def boot_id() -> str:
    """Of the running kernel (random(4)): what is written and not synced lives as long as it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return secrets.token_hex(16)


def sync_file(path: Path, stopped: Callable[[], bool] = lambda: False) -> bool:
    """Make a file's content durable; False if it was `stopped` before. Raises OSError.

    Piece by piece (sync_file_range(2)), for a process that waits for the disk cannot be killed.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for start in range(0, os.fstat(handle).st_size, SYNC_BYTES):
            if stopped():
                return False
            _write_out(handle, start, SYNC_BYTES)
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NEVER_WRITTEN:
            # What the disk did not take is still in memory, looks as good as ever, and is never
            # written again: whoever reads the file is to see what the disk has.
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            raise
    finally:
        os.close(handle)
    return True


def _write_out(handle: int, start: int, length: int) -> None:
    """Wait until a range is written; where that is not to be had, fsync will do it all.

    Raises OSError for what the disk did not take: it is reported here, and then to nobody else.
    """
    if sys.platform == "linux":
        whole = 1 | 2 | 4  # SYNC_FILE_RANGE_WAIT_BEFORE | _WRITE | _WAIT_AFTER
        libc = ctypes.CDLL(None, use_errno=True)
        span = (ctypes.c_int64(start), ctypes.c_int64(length), whole)
        if libc.sync_file_range(handle, *span) != 0:
            error = ctypes.get_errno()
            if error in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
                raise OSError(error, os.strerror(error))


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
    """What fails inside for want of space raises DiskFull with the file's name, or DiskReadOnly."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise unwritable(target, error) from error
        raise


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")


@contextlib.contextmanager
def atomic_path(target: Path, mode: int = PRIVATE_FILE, *, durable: bool = True) -> Iterator[Path]:
    """A temporary path beside `target` to write to; on success it is synced and renamed over it.

    Without `durable` it is not synced: whole after a kill, perhaps not after a power cut. Raises
    DiskFull, also for what the writing itself raises.
    """
    temporary = _temporary(target)
    try:
        with full_disk_named(target):
            yield temporary
            temporary.chmod(mode)
            if durable:
                sync_file(temporary)
            temporary.replace(target)
            if durable:
                sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(
    target: Path, content: bytes, mode: int = PRIVATE_FILE, *, durable: bool = True
) -> None:
    """Replace a whole file: temporary name, sync, rename, sync of the folder. Raises DiskFull."""
    with atomic_path(target, mode, durable=durable) as temporary:
        temporary.write_bytes(content)


def link(source: Path, target: Path) -> None:
    """Have a file under a second name, in the place of what has that name. Raises OSError.

    Of the file nothing changes but the number of its names, and its ctime.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        temporary = _temporary(target)
        try:
            os.link(source, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> int:
    """Remove what interrupted writes left below `folder`; returns how many files went."""
    leftovers = list(folder.rglob(f".*{TEMPORARY_SUFFIX}"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)
