"""The stream of events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from wantui.api.event import EventId, EventKind
from wantui.daemon.routes.common import PartsOf

router = APIRouter(prefix="/api/events", tags=["events"])


@router.get("", response_class=StreamingResponse)
async def events(
    parts: PartsOf,
    last_event_id: Annotated[str | None, Header()] = None,
    kind: Annotated[list[EventKind], Query()] = [],  # noqa: B006 - FastAPI's way to say none
) -> StreamingResponse:
    """Server-sent events from now on, or from after `Last-Event-ID`; see wantui.api.event.

    With `kind`, which may stand several times, only those; `hardware` has to be asked for, and is
    read once a second while someone does.
    """
    after = EventId.parse(last_event_id) if last_event_id else None
    unreadable = last_event_id is not None and after is None
    start = EventId("unknown", 0) if unreadable else after
    return StreamingResponse(
        parts.events.subscribe(start, kind),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )
