"""What a child of the daemon settles with the operating system: whose it is, and how it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

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
