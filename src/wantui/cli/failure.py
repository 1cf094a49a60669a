"""The one place where a failure becomes lines on standard error and an exit code."""

from __future__ import annotations

import json
import sys

from wantui.cli.terminal import SCHEMA_VERSION, narrate
from wantui.errors import Interrupted, WantuiError
from wantui.text import one_line


def report(error: WantuiError, *, as_json: bool) -> int:
    """Say what failed and what to do next; with `as_json` also as a document on standard out."""
    tell(error)
    if as_json:
        body = {"code": error.code, "message": error.message, "hint": error.hint}
        detail = {"detail": error.detail} if error.detail else {}
        document = {"schema_version": SCHEMA_VERSION, "error": body | detail}
        sys.stdout.write(json.dumps(document) + "\n")
    return error.exit_code


def tell(error: WantuiError) -> None:
    """`error: message` and `hint: what to do`, without colours: people paste these."""
    message = one_line(error.message)
    narrate(message if isinstance(error, Interrupted) else f"error: {message}")
    if error.hint:
        narrate(f"hint: {one_line(error.hint)}")
