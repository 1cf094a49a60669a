"""Jobs that are not to start before a certain time: when it comes, who hands them out is woken."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import NoReturn

LOOK_S = 60.0
"""How long one sleep lasts at the most: a clock may be set, and a machine suspended."""


class Alarm:
    """`next_start` says when the next job may start, in seconds since the epoch; None for never."""

    def __init__(self, next_start: Callable[[], float | None], ring: Callable[[], None]) -> None:
        self._next_start = next_start
        self._ring = ring
        self._changed = asyncio.Event()

    def look(self) -> None:
        """The next start may be another one."""
        self._changed.set()

    async def run(self) -> NoReturn:
        due: float | None = None
        while True:
            self._changed.clear()
            if due is not None and due <= time.time():
                self._ring()
            due = self._next_start()
            wait_s = None if due is None else min(max(due - time.time(), 0.0), LOOK_S)
            if wait_s == 0.0:
                self._ring()
                due, wait_s = None, LOOK_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
