"""hello, status, healthz, shutdown: the daemon itself."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from wantui.api.hello import Hello
from wantui.api.status import Status
from wantui.daemon.readiness import be_ready
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(tags=["daemon"])


@router.get("/api/hello", response_model=Hello)
async def hello(parts: PartsOf) -> Response:
    """Who answers."""
    return answer(parts.hello())


@router.get("/api/status", response_model=Status)
async def status(parts: PartsOf) -> Response:
    """All that a client draws first, and the event id from which to go on."""
    return answer(await parts.status())


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answers from the loop alone."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(parts: PartsOf) -> dict[str, str]:
    """Answers if jobs can be accepted and get on: the queue's database was written to for this."""
    patience_s = parts.settings.worker.heartbeat_timeout_s
    await be_ready(parts.jobs, parts.scheduler, parts.lanes, patience_s)
    return {"status": "ready"}


@router.post("/api/shutdown", response_model=Hello)
async def shutdown(parts: PartsOf, request: Request) -> Response:
    """Stop: running jobs get the grace time, then go back to the queue."""
    request.app.state.shutdown.set()
    return answer(parts.hello())
