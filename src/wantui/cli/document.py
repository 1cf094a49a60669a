"""JSON on standard out: one document a verb, or one a line where a verb streams."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from wantui.api.base import Reply
from wantui.cli.terminal import SCHEMA_VERSION


def show_document(content: Reply | Mapping[str, Any]) -> None:
    """One document on one line, its schema's version first; ASCII, so that no escape hides in it.

    A value may be a Reply, or hold some.
    """
    fields = content.model_dump(mode="json") if isinstance(content, Reply) else content
    document = {"schema_version": SCHEMA_VERSION, **fields}
    sys.stdout.write(json.dumps(document, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Reply):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is no reply")
