"""How a waiting command shows that something goes on: one live line, or a few plain ones."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Protocol, TextIO

from wantui.cli.table import cut, display_width
from wantui.cli.terminal import narrate

MIN_REDRAW_S = 0.25
"""Kind to slow lines: four writes a second at most."""

BAR_CELLS = range(6, 31)


class Narrated(Protocol):
    """Something that goes on, in two ways of saying how."""

    def plain(self) -> str:
        """What is worth a line of a log; the same words twice are said once."""

    def live(self, width: int, *, blocks: bool) -> str:
        """All of it in at most `width` cells; with `blocks` a bar may have characters for that."""


class Narrator(Protocol):
    """Tells a person on standard error how their things go on."""

    def update(self, item: Narrated) -> None:
        """A newer version."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def close(self) -> None:
        """Nothing more comes."""


def narrator() -> Narrator:
    """One live line on a terminal; elsewhere a plain line for whatever is new."""
    return LiveLine(sys.stderr) if sys.stderr.isatty() else PlainLines()


class PlainLines:
    """A line whenever there is something new to say: fit for logs."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def update(self, item: Narrated) -> None:
        line = item.plain()
        name = line.partition(":")[0]
        if self._last.get(name) != line:
            self._last[name] = line
            narrate(line)

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
        self._pending: Narrated | None = None
        self._timer: asyncio.TimerHandle | None = None

    def update(self, item: Narrated) -> None:
        self._pending = item
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
        item, self._pending = self._pending, None
        self._replace(item.live(_width_of(self._stream) - 1, blocks=self._blocks))
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


def live_line(left: str, share: float | None, right: str, width: int, *, blocks: bool) -> str:
    """What it is, a bar, how far and how long; the bar gives way first, then the end."""
    if share is None:
        return cut(left, width)
    share = min(max(share, 0.0), 1.0)
    right = f"{share:4.0%}  {right}".rstrip()
    room = width - display_width(left) - display_width(right) - 4
    cells = min(room, BAR_CELLS[-1])
    shown = bar(share, cells, blocks=blocks) if cells in BAR_CELLS else ""
    return cut("  ".join(part for part in (left, shown, right) if part), width)


def bar(share: float, cells: int, *, blocks: bool) -> str:
    """`share` of 0 to 1 in so many cells."""
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
