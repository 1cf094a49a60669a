"""A log's lines: one record a line, `key=value`, for machines; and as people read them.

    time=2026-11-27T18:14:01.123Z level=warning from=daemon.lane pid=4242 job=7 message="no room"

A value with blanks, quotes or controls is a JSON string, so that no message makes a second line,
and a traceback is one value, `exception`. A line that is no record was printed by a library, or by
a process that died.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Self

FIELDS = ("job", "download", "device", "uid")
"""What a record may be about: given as `extra={"job": 7}`."""
_PLAIN = re.compile(r"[^\s\"=\x00-\x1f\x7f]+")
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)(?: |$)')
_OURS = "wantui."


class Level(StrEnum):
    """How much a record matters, the least first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


_RANK = {level: number for number, level in enumerate(Level)}


class LineFormatter(logging.Formatter):
    """Makes a record's line."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_value(value)}" for name, value in self._pairs(record))

    def _pairs(self, record: logging.LogRecord) -> Iterator[tuple[str, str]]:
        when = datetime.fromtimestamp(record.created, UTC)
        yield "time", when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield "level", record.levelname.lower()
        yield "from", record.name.removeprefix(_OURS)
        yield "pid", str(record.process)
        for name in FIELDS:
            if (value := getattr(record, name, None)) is not None:
                yield name, str(value)
        yield "message", record.getMessage()
        if record.exc_info:
            yield "exception", self.formatException(record.exc_info)


class Record(NamedTuple):
    """A line that was read again."""

    time: datetime
    level: Level
    values: dict[str, str]

    @classmethod
    def parse(cls, line: str) -> Self | None:
        """None for a line that is no record."""
        if not line.startswith("time="):
            return None
        try:
            values = {name: _read(value) for name, value in _PAIR.findall(line)}
            return cls(datetime.fromisoformat(values["time"]), Level(values["level"]), values)
        except (KeyError, ValueError):
            return None


def readable(line: str) -> str:
    """As people read it, in local time; what is no record stays as it is. Not cleaned."""
    record = Record.parse(line)
    if record is None:
        return line
    values = record.values
    about = "".join(f" {name} {values[name]}:" for name in FIELDS if name in values)
    when = record.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    where, message = values.get("from", ""), values.get("message", "")
    text = f"{when} {record.level.upper():<7} {where}:{about} {message}"
    return "\n    ".join([text, *values.get("exception", "").splitlines()])


def is_worth(line: str, least: Level) -> bool:
    """Whether a line is of that level at least. What nobody gave a level to may be all there is."""
    record = Record.parse(line)
    return record is None or _RANK[record.level] >= _RANK[least]


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _read(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value
