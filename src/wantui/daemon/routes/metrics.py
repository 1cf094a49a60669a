"""All that Prometheus collects of a daemon; the names are in docs/metrics.md."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import PlainTextResponse

from wantui.daemon.routes.common import PartsOf
from wantui.daemon.scrape import Now, Scrape, counted, oldest

router = APIRouter(prefix="/api", tags=["daemon"])


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(parts: PartsOf, accept: Annotated[str, Header()] = "") -> Response:
    """Prometheus' text format, or OpenMetrics for who prefers it.

    Devices are as they were read seconds ago at most; weights as they were last looked at.
    """
    hardware = await parts.machine.lately()
    models = await parts.inventory.known()
    unfinished = parts.jobs.live.values()
    now = Now(
        time=time.time(),
        hello=parts.hello(),
        jobs=counted(unfinished),
        oldest_queued_at=oldest(unfinished),
        paused=parts.jobs.paused,
        waits_for=parts.scheduler.waits_for,
        models=models,
        downloads=parts.downloads.all(),
        workers=parts.board.all(),
        hardware=hardware,
        listeners=parts.events.listeners,
    )
    scrape = Scrape(parts.instruments.registry, now)
    text, media_type = await asyncio.to_thread(scrape.text, accept)
    return Response(text, media_type=media_type)
