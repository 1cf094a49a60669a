"""The two streams: data goes to standard out, narration to standard error.

Foreign text (prompts, names, paths, log lines) reaches a terminal only through `wantui.text`.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable

from wantui.text import clean

SCHEMA_VERSION = 1
"""Of every JSON document; rises when a script that reads the last one would misread it."""


def colours_wanted() -> bool:
    """On a terminal, unless NO_COLOR (https://no-color.org) is set to anything or it is dumb."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def columns() -> int | None:
    """The terminal's width; None where standard out is no terminal and nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show(lines: Iterable[str]) -> None:
    """Data for people, a line each; whoever made the lines has cleaned what is foreign in them."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def show_raw(text: str) -> None:
    """Foreign text as it is: cleaned for a terminal, byte for byte for a program."""
    sys.stdout.write(clean(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def narrate(text: str) -> None:
    """A line for people on standard error, cleaned."""
    sys.stderr.write(f"{clean(text)}\n")
    sys.stderr.flush()
