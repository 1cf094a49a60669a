"""Logs, piece by piece, for following."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from wantui.api.log import LogText
from wantui.daemon.logs import log_path, read_log
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api/logs", tags=["logs"])

Position = Annotated[int | None, Query(ge=0, le=2**62)]
"""In bytes."""


@router.get("/{name}", response_model=LogText)
async def log(
    name: str, parts: PartsOf, offset: Position = None, before: Position = None
) -> Response:
    """Of a process (`daemon`, `worker`) or a job's id: from `offset` on, else the last part.

    With `before`, the `offset` of another piece, it is the last part of what comes before that.
    """
    path = log_path(parts.paths, name)
    if name.isdigit():
        await parts.jobs.get(int(name))
    return answer(await asyncio.to_thread(read_log, path, name, offset, before))
