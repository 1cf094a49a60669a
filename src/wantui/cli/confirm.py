"""A question before something large or final; only where there is someone to answer it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wantui.cli.terminal import narrate
from wantui.errors import Interrupted

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def someone_to_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> None:
    """Raises Interrupted unless the answer is yes; an empty one is no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        narrate("")
        raise
    if answer.strip().casefold() not in ("y", "yes"):
        raise Interrupted("nothing was done")
