"""What a child of the daemon settles with the operating system: whose it is, and how it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = 500
"""Of 1000: proc(5), /proc/PID/oom_score_adj."""
_START_TIME = 19
"""Of what follows a process's name in /proc/PID/stat: proc(5), field 22."""


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


def die_before_others() -> None:
    """Where memory runs out the kernel is to end this process, and not the daemon or a shell."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_GO), "ascii")


def started_at(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did; None if there is none.

    With its id that names a process: ids alone are used again.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    return int(told.rpartition(")")[2].split()[_START_TIME])
