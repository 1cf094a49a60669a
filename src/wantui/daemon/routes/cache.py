"""The hub's cache as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Response

from wantui.api.removal import Removals
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api/cache", tags=["models"])


@router.post("/prune", response_model=Removals)
async def prune(parts: PartsOf, dry_run: bool = False) -> Response:
    """Remove what is not whole or nobody names, in the repositories of the catalog."""
    return answer(await parts.housekeeping.prune(dry_run=dry_run))
