"""What a worker settles with the operating system: whose child it is, and where its output goes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from wantui.files import PRIVATE_FILE

_PR_SET_PDEATHSIG = 1


def leave(status: int) -> NoReturn:
    """End now, without a second of tearing down torch; what matters is on disk already."""
    os._exit(status)


def die_with_parent(parent: int) -> None:
    """Be killed when `parent` ends, even in the middle of a long operation.

    Linux's parent-death signal, prctl(2). It is set after the fork, so a parent that ended before
    is found by asking who the parent is now.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
    if os.getppid() != parent:
        leave(1)


def ignore_interrupts() -> None:
    """Ctrl-C reaches the whole terminal's group; when a worker ends is the daemon's to say."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Append stdout and stderr, of Python and of C libraries alike, to `log` meanwhile."""
    _flush()
    before = os.dup(1), os.dup(2)
    try:
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)
        yield
    finally:
        with contextlib.suppress(OSError):  # a full disk loses log lines, not the way back
            _flush()
        for kept, stream in zip(before, (1, 2), strict=True):
            os.dup2(kept, stream)
            os.close(kept)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def trim_host_memory() -> None:
    """Give freed memory back to the system: glibc keeps tens of megabytes a job otherwise."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # a libc without it, such as musl
            ctypes.CDLL(None).malloc_trim(0)
