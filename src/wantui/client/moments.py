"""Times as people type them: `+2h`, `18:30`, `2026-11-28 02:00`; and ages: `90m`, `3d`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from wantui.errors import InvalidRequest
from wantui.text import one_line

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGE = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
AGES = "a number with s, m, h, d or w, such as 90m, 3d or 1h30m"
MOMENTS = f"+ and {AGES}; 18:30; or 2026-11-28 02:00"


def age_s(field: str, text: str) -> float:
    """Seconds of `90m`, `3d` or `1h30m`. Raises InvalidRequest."""
    typed = text.strip().casefold()
    if not _AGE.fullmatch(typed):
        raise InvalidRequest.for_field(field, f"cannot read {one_line(text, 40)!r}", allowed=AGES)
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(typed))


def moment(field: str, text: str, now: float) -> float:
    """Seconds since the epoch, at `now` or later; a time of day is the next one on the local clock.

    Raises InvalidRequest.
    """
    typed = text.strip()
    if typed.startswith("+"):
        return now + age_s(field, typed[1:])
    try:
        if clock := _CLOCK.fullmatch(typed):
            hour, minute, second = (int(part or 0) for part in clock.groups())
            return _next_time_of_day(hour, minute, second, now)
        return datetime.fromisoformat(typed).timestamp()
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest.for_field(
            field, f"cannot read {one_line(text, 40)!r}", allowed=MOMENTS
        ) from None


def past_moment(field: str, text: str, now: float) -> float:
    """Seconds since the epoch: an age before `now`, or a date. Raises InvalidRequest."""
    typed = text.strip()
    if _AGE.fullmatch(typed.casefold()):
        return now - age_s(field, typed)
    try:
        return datetime.fromisoformat(typed).timestamp()
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest.for_field(
            field, f"cannot read {one_line(text, 40)!r}", allowed=f"{AGES}; or a date: 2026-11-28"
        ) from None


def _next_time_of_day(hour: int, minute: int, second: int, now: float) -> float:
    """Raises ValueError for what no clock shows."""
    today = datetime.fromtimestamp(now).astimezone()
    wanted = today.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
    if wanted.timestamp() <= now:
        wanted += timedelta(days=1)
    return wanted.timestamp()
