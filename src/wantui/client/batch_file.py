"""Jobs in a file: TOML with a `[[job]]` for each, or one JSON object a line.

Fields are those of a request, and `count`; `image` is a file beside the jobs' own, `loras` are
written as `--lora` takes them, and `start_at` as `--start-at` does.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wantui.api.batch import MAX_BATCH
from wantui.api.job import JobRequest
from wantui.errors import InvalidRequest, UnknownField
from wantui.text import nearest, one_line

COUNT = "count"
EXAMPLE = 'write [[job]], then prompt = "…", for each; or one {"prompt": "…"} a line'


@dataclass(frozen=True)
class Entry:
    """What one entry says, not yet a request."""

    where: str
    """`jobs.jsonl line 3`, or `jobs.toml job 2`."""
    fields: Mapping[str, Any]
    count: int = 1
    """So many of it, each with a seed of its own."""


def parse(text: str, name: str) -> list[Entry]:
    """Raises InvalidRequest with the place of what is wrong."""
    is_lines = name.endswith((".jsonl", ".ndjson")) or text.lstrip().startswith("{")
    entries = list(_of_lines(text, name) if is_lines else _of_toml(text, name))
    if not entries:
        raise InvalidRequest(f"{name} has no jobs", hint=EXAMPLE)
    if sum(entry.count for entry in entries) > MAX_BATCH:
        raise InvalidRequest(
            f"{name} has more than {MAX_BATCH} jobs", hint="write them to several files"
        )
    return entries


def _of_lines(text: str, name: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{name} line {number}"
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"{where}: this is no JSON: {error}", hint=EXAMPLE) from error
        if not isinstance(fields, dict):
            raise InvalidRequest(f"{where}: this is no JSON object", hint=EXAMPLE)
        yield _entry(where, fields)


def _of_toml(text: str, name: str) -> Iterator[Entry]:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{name}: {error}", hint=EXAMPLE) from error
    jobs = content.pop("job", [])
    if content:
        raise InvalidRequest(
            f"{name}: nothing is called {one_line(next(iter(content)), 60)}", hint=EXAMPLE
        )
    if not isinstance(jobs, list) or not all(isinstance(fields, dict) for fields in jobs):
        raise InvalidRequest(f"{name}: `job` is no list of tables", hint=EXAMPLE)
    for number, fields in enumerate(jobs, start=1):
        yield _entry(f"{name} job {number}", fields)


def _entry(where: str, fields: dict[str, Any]) -> Entry:
    known = [*JobRequest.model_fields, COUNT]
    for field in fields:
        if field not in known:
            near = nearest(field, known)
            hint = f"did you mean {near}?" if near else f"fields: {', '.join(known)}"
            raise UnknownField(f"{where}: no field is called {one_line(field, 60)!r}", hint=hint)
    count = fields.pop(COUNT, 1)
    if type(count) is not int or not 1 <= count <= MAX_BATCH:
        raise InvalidRequest(f"{where}: count is no number of jobs", hint=f"1 to {MAX_BATCH}")
    return Entry(where, fields, count)
