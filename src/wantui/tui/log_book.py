"""The lines of a log, and those of them that a filter shows. Pure.

Lines are read once, and a filter that is typed on only looks through what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wantui.log_lines import Level, Record, readable
from wantui.text import clean

LONGEST_LINE = 4_000
"""Characters that are shown of a line."""
KEPT_LINES = 200_000

_RANK = {level: number for number, level in enumerate(Level)}


class Line(NamedTuple):
    """As people read it: clean, and never longer than LONGEST_LINE."""

    text: str
    level: Level | None
    """None: a library printed it, or a process that died."""
    job: int | None
    """The job that it is about."""


def read_lines(text: str, job: int | None = None) -> list[Line]:
    """A piece of a log file; `job` is whose log it is. A traceback is lines of its record."""
    return [line for raw in text.splitlines() for line in _read(raw, job)]


def _read(raw: str, job: int | None) -> Iterator[Line]:
    record = Record.parse(raw)
    level = record.level if record else None
    named = record.values.get("job", "") if record else ""
    about = int(named) if named.isdecimal() and len(named) < 19 else job
    for shown in readable(raw).splitlines():
        yield Line(clean(shown)[:LONGEST_LINE], level, about)


class LogBook:
    """All lines in `lines`, those that pass the filters in `shown`."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque()
        self.shown: deque[Line] = deque()
        self.least = Level.DEBUG
        self.phrase = ""
        """What stands in every line that is shown, whatever its case."""

    @property
    def filtered(self) -> bool:
        return bool(self.phrase) or self.least is not Level.DEBUG

    def clear(self) -> None:
        """Another log: the filters stay."""
        self.lines, self.shown = deque(), deque()

    def add(self, lines: Iterable[Line]) -> int:
        """What was written since; returns how many shown lines have gone for it, the oldest."""
        new = list(lines)
        self.lines.extend(new)
        self.shown.extend(self._passing(new))
        gone = 0
        while len(self.lines) > KEPT_LINES:
            oldest = self.lines.popleft()
            if self.shown and self.shown[0] is oldest:
                self.shown.popleft()
                gone += 1
        return gone

    def add_before(self, lines: Iterable[Line]) -> int:
        """What was written earlier; returns how many of them are shown."""
        new = list(lines)
        passing = list(self._passing(new))
        self.lines.extendleft(reversed(new))
        self.shown.extendleft(reversed(passing))
        return len(passing)

    def narrow(self, typed: str) -> None:
        """Show lines in which this stands."""
        before, self.phrase = self.phrase, typed.casefold()
        self._show(self.shown if before in self.phrase else self.lines)

    def of_level(self, least: Level) -> None:
        """Show lines of that level and worse, and those without one: they may be all there is."""
        self.least = least
        self._show(self.lines)

    def _show(self, lines: Iterable[Line]) -> None:
        self.shown = deque(self._passing(lines))

    def _passing(self, lines: Iterable[Line]) -> Iterator[Line]:
        least, phrase = _RANK[self.least], self.phrase
        for line in lines:
            worth = line.level is None or _RANK[line.level] >= least
            if worth and (not phrase or phrase in line.text.casefold()):
                yield line
