"""What the fetcher does and did: look, pause, resume, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from wantui.api.download import Download, Downloads
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api", tags=["downloads"])

DownloadId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/downloads", response_model=Downloads)
async def downloads(parts: PartsOf) -> Response:
    return answer(Downloads(downloads=parts.downloads.all()))


@router.get("/downloads/{download_id}", response_model=Download)
async def download(download_id: DownloadId, parts: PartsOf) -> Response:
    return answer(parts.downloads.get(download_id))


@router.post("/downloads/{download_id}/pause", response_model=Download)
async def pause(download_id: DownloadId, parts: PartsOf) -> Response:
    """What came is kept."""
    return answer(await parts.downloads.pause(download_id))


@router.post("/downloads/{download_id}/resume", response_model=Download)
async def resume(download_id: DownloadId, parts: PartsOf) -> Response:
    return answer(await parts.downloads.resume(download_id))


@router.post("/downloads/{download_id}/cancel", response_model=Download)
async def cancel(download_id: DownloadId, parts: PartsOf) -> Response:
    """Files that are not whole are removed."""
    return answer(await parts.fetching.cancel(download_id))
