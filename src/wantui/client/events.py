"""The daemon's events as typed objects. Source of the framing: the HTML standard, section 9.2."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass

from pydantic import ValidationError

from wantui.api.base import Reply
from wantui.api.cleaning import Gone
from wantui.api.download import Download
from wantui.api.event import EventId, EventKind, Notice
from wantui.api.hardware import Hardware
from wantui.api.job import Job
from wantui.api.model import ModelStatus
from wantui.api.queue import Queue
from wantui.api.worker import Worker
from wantui.errors import VersionMismatch

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A carriage return that ends a piece may be half of an end."""

_OBJECTS: dict[EventKind, type[Reply]] = {
    EventKind.JOB: Job,
    EventKind.MODEL: ModelStatus,
    EventKind.DOWNLOAD: Download,
    EventKind.WORKER: Worker,
    EventKind.QUEUE: Queue,
    EventKind.GONE: Gone,
    EventKind.HARDWARE: Hardware,
    EventKind.RESYNC: Notice,
    EventKind.GOODBYE: Notice,
}


@dataclass(frozen=True)
class Event:
    id: EventId | None
    kind: EventKind
    object: Reply
    """A Job, ModelStatus, Download, Worker, Queue, Hardware or Notice, as `kind` says."""


@dataclass(frozen=True)
class RawEvent:
    """As it came down the line."""

    kind: str
    data: str
    id: str
    """Of this event, or of the last one that had one."""


async def raw_events(pieces: AsyncIterable[bytes]) -> AsyncGenerator[RawEvent]:
    """The events of a stream, wherever it is cut into pieces; comments and `retry` are passed over.

    An event that the end of the stream cuts off is none.
    """
    kind, data, last_id = "", list[str](), ""
    async for line in _lines(pieces):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                kind = value
            case "data":
                data.append(value)
            case "id" if "\0" not in value:
                last_id = value
        if not line:
            if data:
                yield RawEvent(kind or "message", "\n".join(data), last_id)
            kind, data = "", []


async def _lines(pieces: AsyncIterable[bytes]) -> AsyncGenerator[str]:
    rest = b""
    async for piece in pieces:
        *whole, rest = _LINE_END.split(rest + piece)
        for line in whole:
            yield line.decode("utf-8", "replace")


def parse_event(raw: RawEvent) -> Event | None:
    """None for a kind that a newer daemon may send. Raises VersionMismatch if it is unreadable."""
    try:
        kind = EventKind(raw.kind)
    except ValueError:
        return None
    try:
        return Event(EventId.parse(raw.id), kind, _OBJECTS[kind].model_validate_json(raw.data))
    except ValidationError as error:
        raise VersionMismatch(f"this client cannot read an event of kind {kind}") from error
