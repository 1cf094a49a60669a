"""The hardware and the workers on it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from wantui.api.hardware import Hardware
from wantui.api.worker import Workers
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api", tags=["machine"])


@router.get("/hardware", response_model=Hardware)
async def hardware(parts: PartsOf) -> Response:
    """Read now."""
    return answer(await parts.machine.read())


@router.get("/workers", response_model=Workers)
async def workers(parts: PartsOf) -> Response:
    """With their memory as it is now."""
    return answer(await asyncio.to_thread(parts.board.measured))
