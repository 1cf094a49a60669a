"""The daemon's events as typed objects. Source of the framing: the HTML standard, section 9.2."""

from __future__ import annotations

from dataclasses import dataclass

from httpx2 import ServerSentEvent
from pydantic import ValidationError

from wantui.api.adapter import AdapterPull
from wantui.api.base import Reply
from wantui.api.download import Download
from wantui.api.event import EventId, EventKind, Notice
from wantui.api.job import Job
from wantui.api.model import ModelStatus
from wantui.api.queue import Queue
from wantui.api.worker import Worker
from wantui.errors import VersionMismatch

_OBJECTS: dict[EventKind, type[Reply]] = {
    EventKind.JOB: Job,
    EventKind.MODEL: ModelStatus,
    EventKind.DOWNLOAD: Download,
    EventKind.ADAPTER: AdapterPull,
    EventKind.WORKER: Worker,
    EventKind.QUEUE: Queue,
    EventKind.RESYNC: Notice,
    EventKind.GOODBYE: Notice,
}


@dataclass(frozen=True)
class Event:
    id: EventId | None
    kind: EventKind
    object: Reply
    """A Job, ModelStatus, Download, AdapterPull, Worker, Queue or Notice, as `kind` says."""


def parse_event(raw: ServerSentEvent) -> Event | None:
    """None for a kind that a newer daemon may send. Raises VersionMismatch if it is unreadable."""
    try:
        kind = EventKind(raw.event)
    except ValueError:
        return None
    try:
        return Event(EventId.parse(raw.id), kind, _OBJECTS[kind].model_validate_json(raw.data))
    except ValidationError as error:
        raise VersionMismatch(f"this client cannot read an event of kind {kind}") from error
