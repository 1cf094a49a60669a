"""Leaving when a signal says so, even from a terminal that takes nothing any more."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable

LEAVE_S = 5.0
"""How long the TUI may take to leave once it is told to."""
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def leave_on_signals(loop: asyncio.AbstractEventLoop, leave: Callable[[int], None]) -> None:
    """Have `leave` called in the loop with the exit code that a signal stands for."""

    def soon(number: int, _frame: object) -> None:
        """By the loop, or without it: a terminal that takes nothing is not given back, ever."""
        code = 128 + number
        loop.call_soon_threadsafe(leave, code)
        overdue = threading.Timer(LEAVE_S, os._exit, (code,))
        overdue.daemon = True
        overdue.start()

    for number in SIGNALS:
        signal.signal(number, soon)
