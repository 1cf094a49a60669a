"""Options that every verb has, and what the entry must know of them when a verb fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer


@dataclass
class Invocation:
    """One run of `wantui`; lives in typer's context."""

    as_json: bool = False
    """Whether a failure is also a JSON document on standard out."""


def _remember(context: typer.Context, as_json: bool) -> bool:
    invocation = context.find_object(Invocation)
    if invocation is not None and as_json:
        invocation.as_json = True
    return as_json


Host = Annotated[
    str | None,
    typer.Option("--host", metavar="ADDRESS", help="The daemon: unix:///PATH. [env: WANTUI_HOST]"),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print JSON.", callback=_remember, is_eager=True),
]
_LAST_ID = 2**63 - 1
"""More than the daemon can look up."""
JobId = Annotated[int, typer.Argument(metavar="ID", min=1, max=_LAST_ID, help="The job's number.")]
JobIds = Annotated[
    list[int], typer.Argument(metavar="ID...", min=1, max=_LAST_ID, help="Jobs' numbers.")
]
