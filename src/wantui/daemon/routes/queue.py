"""Pausing and resuming the queue as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Response

from wantui.api.queue import Queue
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api/queue", tags=["queue"])


@router.get("", response_model=Queue)
async def queue(parts: PartsOf) -> Response:
    return answer(parts.queue())


@router.post("/pause", response_model=Queue)
async def pause(parts: PartsOf) -> Response:
    """Nothing more is started; what runs goes on. Kept over restarts."""
    return answer(await parts.set_paused(True))


@router.post("/resume", response_model=Queue)
async def resume(parts: PartsOf) -> Response:
    return answer(await parts.set_paused(False))
