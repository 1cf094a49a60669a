"""Bytes on the wire where something moves: playing costs what it says, standing still nothing."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from tests.running import job_when, running_daemon, tiny
from tests.tui.test_wire import QUIET_S, Terminal, terminal_of
from wantui.api.job import JobState

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

STATED = re.compile(rb"([0-9.]+) (k?B)/s")
WORDS_BYTES = 300
"""Of the line below the picture, a frame."""
PAGE_BYTES = 8_000
"""A log that is followed is painted whole, at 80x24."""


async def drawn_in(terminal: Terminal, seconds: float) -> int:
    before = len(terminal.seen)
    await asyncio.sleep(seconds)
    return len(terminal.seen) - before


async def plays_and_pauses(terminal: Terminal) -> None:
    await terminal.sees("● connected".encode())
    terminal.press(b"\x1b")
    await terminal.sees(b"1-6 areas")
    terminal.press(b"5")
    await terminal.sees("▀".encode())
    await terminal.quiet()
    assert await drawn_in(terminal, QUIET_S) == 0, "a thumbnail was painted again"

    terminal.press(b"p")
    await terminal.sees(b"/s, ")
    (figure, unit), *_ = STATED.findall(terminal.seen)
    stated = float(figure) * (1000 if unit == b"kB" else 1)
    began = time.monotonic()
    drawn = await drawn_in(terminal, 4.0)
    seconds = time.monotonic() - began
    print(f"stated {stated:.0f} B/s, drawn {drawn / seconds:.0f} B/s")  # noqa: T201
    assert 0 < drawn < seconds * (1.3 * stated + 8 * WORDS_BYTES)

    terminal.press(b" ")
    await terminal.quiet()
    assert await drawn_in(terminal, QUIET_S) == 0, "a paused clip was painted"


@pytest.mark.slow
async def test_a_clip_that_plays_costs_what_it_says_and_a_paused_one_nothing(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(tiny("a red circle moving left", size="128x128"))
            await job_when(client, accepted.id, lambda job: job.state is JobState.COMPLETED)
        with terminal_of(daemon) as terminal:
            await plays_and_pauses(terminal)


@pytest.mark.slow
async def test_a_log_in_which_nothing_comes_costs_nothing_and_a_line_no_more_than_a_page(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path) as daemon, terminal_of(daemon) as terminal:
        log = daemon.paths.logs / "worker.log"
        log.write_text("".join(f"printed by a library, {n}\n" for n in range(5000)), "utf-8")
        await terminal.sees("● connected".encode())
        terminal.press(b"\x1b")
        await terminal.sees(b"1-6 areas")
        terminal.press(b"6")
        await terminal.sees(b"listens at")
        terminal.press(b"w")
        await terminal.sees(b"printed by a library, 4999")
        await terminal.quiet()
        assert await drawn_in(terminal, 2 * QUIET_S) == 0, "a log was painted without need"
        before = len(terminal.seen)
        with log.open("a", encoding="utf-8") as file:
            file.write("printed by a library, one more\n")
        await terminal.sees(b"one more")
        await terminal.quiet()
        assert len(terminal.seen) - before < PAGE_BYTES
