"""How bytes, times and foreign text are shown to people. No markup, no colours."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # other escapes
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"  # half a surrogate pair, from a file's name: no encoder takes it
)
_UNITS = ("B", "kB", "MB", "GB", "TB")
DAY_S = 24 * 60 * 60


def clean(text: str) -> str:
    """Without terminal escapes, controls and direction overrides; tabs and newlines stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def one_line(text: str, width: int | None = None) -> str:
    """Clean text on one line, cut to `width` characters with an ellipsis."""
    line = " ".join(clean(text).split())
    if width is None or len(line) <= width:
        return line
    return line[: width - 1] + "…" if width > 0 else ""


def bytes_text(count: float) -> str:
    """Decimal units, as disks and hubs count: 57.2 GB."""
    size = float(count)
    for unit in _UNITS:
        if abs(size) < 999.5 or unit == _UNITS[-1]:
            digits = 0 if unit == "B" or abs(size) >= 99.95 else 1
            return f"{size:.{digits}f} {unit}"
        size /= 1000
    raise AssertionError("unreachable: the last unit always returns")


def duration_text(seconds: float) -> str:
    """4.2 s, 1:05, 2:03:04; from two days on 63 days."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds >= 2 * DAY_S:
        return f"{seconds / DAY_S:.0f} days"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one, if any is near."""
    options = {option.casefold(): option for option in known}
    matches = difflib.get_close_matches(word.casefold(), list(options), n=1, cutoff=0.5)
    return options[matches[0]] if matches else None
