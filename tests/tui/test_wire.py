"""Bytes on the wire, counted on a real pseudo-terminal: slow lines are what this is for."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from tests.terminal import read_terminal, start_in_terminal
from wantui.api.job import JobState

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

QUIET_S = 2.0
PATIENCE_S = 50.0
BUDGET_BYTES_A_SECOND = 2048
STARTS_AND_ENDS_BYTES = 16_000
"""A job that comes and goes changes the list, which is painted whole."""


class Terminal:
    """The other side of a TUI's terminal: counts what is drawn."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.seen = b""
        asyncio.get_running_loop().add_reader(handle, self._read)

    def _read(self) -> None:
        if not (piece := read_terminal(self._handle)):
            asyncio.get_running_loop().remove_reader(self._handle)
        self.seen += piece

    def press(self, keys: bytes) -> None:
        os.write(self._handle, keys)

    async def sees(self, wanted: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while wanted not in self.seen:
            assert time.monotonic() < deadline, f"never: {wanted!r}"
            await asyncio.sleep(0.02)

    async def quiet(self) -> None:
        """Until nothing was drawn for a while."""
        deadline = time.monotonic() + PATIENCE_S
        before = -1
        while before != len(self.seen):
            assert time.monotonic() < deadline, "it never stops drawing"
            before = len(self.seen)
            await asyncio.sleep(QUIET_S)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)


@contextmanager
def terminal_of(
    daemon: RunningDaemon, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Terminal]:
    """The TUI in one, with `more` in its environment."""
    host = f"unix://{daemon.paths.socket}"
    environment = {**daemon.environment, "WANTUI_HOST": host, **more}
    process, handle = start_in_terminal([sys.executable, "-m", "wantui"], environment)
    terminal = Terminal(handle)
    try:
        yield terminal
    finally:
        terminal.close()
        process.kill()
        process.wait()
        os.close(handle)


async def test_idle_costs_nothing_and_a_running_job_little(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon, terminal_of(daemon) as terminal:
        await terminal.sees("● connected".encode())
        terminal.press(b"\x1b")
        await terminal.sees(b"1-6 areas")
        terminal.press(b"2")
        await terminal.quiet()
        before = len(terminal.seen)
        await asyncio.sleep(QUIET_S)
        assert len(terminal.seen) == before, "an idle screen was painted"

        async with daemon.client() as client:
            job = await client.submit(tiny("long", size="128x128", frames=33, steps=100))
            done = await job_when(client, job.id, lambda job: job.state is JobState.COMPLETED)
        assert done.started_at is not None
        assert done.finished_at is not None
        seconds = done.finished_at - done.started_at
        drawn = len(terminal.seen) - before
        assert drawn < STARTS_AND_ENDS_BYTES + seconds * BUDGET_BYTES_A_SECOND
