"""What a worker does to its process for a job: where its output goes, and memory given back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from wantui.files import PRIVATE_FILE


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
