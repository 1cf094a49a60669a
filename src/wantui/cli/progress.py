"""How a waiting command shows that a job goes on: one live line, or a few plain ones."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Protocol, TextIO

from wantui.api.job import Job, JobState
from wantui.cli.describe import state_words
from wantui.cli.table import cut, display_width
from wantui.cli.terminal import narrate
from wantui.text import duration_text, one_line

MIN_REDRAW_S = 0.25
"""Kind to slow lines: four writes a second at most."""

BAR_CELLS = range(6, 31)


class Narrator(Protocol):
    """Tells a person on standard error how their jobs go on."""

    def update(self, job: Job) -> None:
        """A newer version of a job."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def close(self) -> None:
        """Nothing more comes."""


def narrator() -> Narrator:
    """One live line on a terminal; elsewhere a plain line for every state and stage."""
    return LiveLine(sys.stderr) if sys.stderr.isatty() else PlainLines()


class PlainLines:
    """A line whenever a job's state or stage changes: fit for logs."""

    def __init__(self) -> None:
        self._last: dict[int, str] = {}

    def update(self, job: Job) -> None:
        words = state_words(job)
        if job.state is JobState.RUNNING and job.progress and not job.cancel_requested:
            words = job.progress.stage.value
        if self._last.get(job.id) != words:
            self._last[job.id] = words
            narrate(f"job {job.id}: {words}")

    def say(self, text: str) -> None:
        narrate(text)

    def close(self) -> None:
        """Nothing is open."""


class LiveLine:
    """One line at the terminal's bottom, rewritten in place without escapes, so on any terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._blocks = (stream.encoding or "").lower().replace("-", "") == "utf8"
        self._drawn = ""
        self._drawn_at = float("-inf")
        self._pending: Job | None = None
        self._timer: asyncio.TimerHandle | None = None

    def update(self, job: Job) -> None:
        self._pending = job
        loop = asyncio.get_running_loop()
        wait_s = self._drawn_at + MIN_REDRAW_S - loop.time()
        if wait_s <= 0:
            self._draw()
        elif self._timer is None:
            self._timer = loop.call_later(wait_s, self._draw)

    def say(self, text: str) -> None:
        self._replace("")
        narrate(text)

    def close(self) -> None:
        self._stop_timer()
        self._replace("")

    def _draw(self) -> None:
        self._stop_timer()
        if self._pending is None:
            return
        job, self._pending = self._pending, None
        self._replace(progress_line(job, _width_of(self._stream) - 1, blocks=self._blocks))
        self._drawn_at = asyncio.get_running_loop().time()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _replace(self, line: str) -> None:
        """Write `line` over the last one: spaces cover its rest."""
        if line == self._drawn:
            return
        rest = max(display_width(self._drawn) - display_width(line), 0)
        self._stream.write(f"\r{line}{' ' * rest}" if line else f"\r{' ' * rest}\r")
        self._stream.flush()
        self._drawn = line


def progress_line(job: Job, width: int, *, blocks: bool = True) -> str:
    """Job, stage, bar, share and time left in at most `width` cells; the bar gives way first."""
    left = f"job {job.id}  {_doing(job)}"
    progress = job.progress
    if job.state is not JobState.RUNNING or progress is None:
        return cut(left, width)
    share = min(max(progress.fraction, 0.0), 1.0)
    right = f"{share:4.0%}"
    if progress.eta_s is not None:
        right += f"  eta {duration_text(progress.eta_s)}"
    room = width - display_width(left) - display_width(right) - 4
    bar = _bar(share, min(room, BAR_CELLS[-1]), blocks=blocks) if room in BAR_CELLS else ""
    if room > BAR_CELLS[-1]:
        bar = _bar(share, BAR_CELLS[-1], blocks=blocks)
    return cut("  ".join(part for part in (left, bar, right) if part), width)


def _doing(job: Job) -> str:
    progress = job.progress
    if job.state is not JobState.RUNNING or job.cancel_requested or progress is None:
        return one_line(state_words(job))
    return f"{progress.stage} {progress.step}/{progress.of}" if progress.of else progress.stage


def _bar(share: float, cells: int, *, blocks: bool) -> str:
    full, empty = ("█", "░") if blocks else ("#", "-")
    done = round(share * cells)
    return full * done + empty * (cells - done)


def _width_of(stream: TextIO) -> int:
    """As wide as it is now: people resize."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 0
    return columns or 80
