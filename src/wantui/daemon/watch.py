"""Readings of the machine once a second while someone watches, and none otherwise."""

from __future__ import annotations

import asyncio
import time

from wantui.api.event import EventKind
from wantui.api.hardware import EngineFacts, Hardware
from wantui.daemon.events import Events
from wantui.daemon.machine import Machine
from wantui.daemon.workers import WorkerBoard

READ_EVERY_S = 1.0
FIND_OUT_EVERY_S = 60.0
"""How often it is looked whether something is still to be found out, and folders are counted."""


class Watch:
    """Who watches for the first time has what is found out once found out, beside the readings."""

    def __init__(
        self,
        events: Events,
        machine: Machine,
        board: WorkerBoard,
        *,
        every_s: float = READ_EVERY_S,
    ) -> None:
        self._every_s = every_s
        self._events = events
        self._machine = machine
        self._board = board
        self._found_out_at = float("-inf")
        self._told: EngineFacts | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._events.readings_wanted()
                reading = self._shortened(await self._machine.read())
                self._events.publish_reading(EventKind.HARDWARE, reading)
                if time.monotonic() - self._found_out_at >= FIND_OUT_EVERY_S:
                    self._found_out_at = time.monotonic()
                    group.create_task(self._machine.find_out(ask_engine=not self._board.busy))
                await asyncio.sleep(self._every_s)

    def _shortened(self, reading: Hardware) -> Hardware:
        """Without the engine's facts where they are as before: they are most of its bytes."""
        before, self._told = self._told, reading.engine
        same = reading.engine is not None and reading.engine == before
        return reading.model_copy(update={"engine": None}) if same else reading
