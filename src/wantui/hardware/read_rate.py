"""How fast a disk reads, measured past the page cache: a few hundred milliseconds, once a disk."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from wantui.files import TEMPORARY_SUFFIX

READ_BYTES = 128 << 20
"""Read at the most, or for `READ_S`."""
READ_S = 1.0
PIECE_BYTES = 4 << 20
LEAST_BYTES = 16 << 20
"""Of a file that is worth reading: less would time the seek."""
LOOKED_AT = 5000
"""Files that are looked at for a large one."""


def disk_id(path: Path) -> str | None:
    """Tells file systems apart, of the nearest folder there is; None if there is none."""
    for folder in (path, *path.parents):
        try:
            return str(folder.stat().st_dev)
        except OSError:
            continue
    return None


def read_rate(folder: Path, *, may_write: bool = False) -> float | None:
    """Bytes a second from the largest file below `folder`, read once with none of it in memory.

    Where there is no file large enough one is written and removed, if that is allowed. None if
    nothing could be measured.
    """
    try:
        if (file := _largest(folder)) is not None:
            return _timed(file)
        return _of_a_new_file(folder) if may_write else None
    except OSError:
        return None


def _largest(folder: Path) -> Path | None:
    """Of the first files that are found: weights are larger than what lies beside them."""
    best: tuple[int, Path] | None = None
    for _, (size, path) in zip(range(LOOKED_AT), _files(folder), strict=False):
        if size >= LEAST_BYTES and (best is None or size > best[0]):
            best = size, path
    return best[1] if best else None


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Regular files, not links: a link may lead to another disk."""
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            path = Path(base, name)
            try:
                info = path.lstat()
            except OSError:
                continue
            if stat.S_ISREG(info.st_mode):
                yield info.st_size, path


def _of_a_new_file(folder: Path) -> float | None:
    """Of bytes that no file system can make smaller. Raises OSError."""
    path = folder / f".rate.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    piece = secrets.token_bytes(PIECE_BYTES)
    try:
        with path.open("wb") as file:
            for _ in range(READ_BYTES // PIECE_BYTES):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        return _timed(path)
    finally:
        path.unlink(missing_ok=True)


def _timed(path: Path) -> float | None:
    """Raises OSError. Its end is read: what was read last is most likely its beginning."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        start = max(os.fstat(handle).st_size - READ_BYTES, 0)
        _forget(handle, start)
        return _rate(handle, start)
    finally:
        os.close(handle)


def _forget(handle: int, start: int) -> None:
    """Have the kernel drop the pages that nobody has mapped: posix_fadvise(2)."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, start, 0, os.POSIX_FADV_DONTNEED)


def _rate(handle: int, start: int) -> float | None:
    buffer = bytearray(PIECE_BYTES)
    count, began = 0, time.perf_counter()
    while count < READ_BYTES and time.perf_counter() - began < READ_S:
        read = os.preadv(handle, [buffer], start + count)
        if read == 0:
            break
        count += read
    seconds = time.perf_counter() - began
    return count / seconds if count and seconds > 0 else None
