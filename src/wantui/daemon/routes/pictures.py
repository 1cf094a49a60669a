"""What there is to see of a job besides its video: previews, the thumbnail, the proxy, frames."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import FileResponse

from wantui.daemon.job_folder import JobFolder
from wantui.daemon.routes.common import PartsOf
from wantui.daemon.routes.jobs import MAX_ID
from wantui.errors import NoPicture

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

WEBP = "image/webp"
JobId = Annotated[int, Path(ge=1, le=MAX_ID)]
Known = Annotated[str | None, Header(alias="If-None-Match")]


class _Webp(Response):
    media_type = WEBP


@router.get("/{job_id}/preview", response_class=_Webp)
async def preview(job_id: JobId, parts: PartsOf, known: Known = None) -> Response:
    """What the video looks like so far, an animation; gone once the video is there.

    It changes with `progress.preview_rev`; with an If-None-Match of the last one, 304 says that it
    is still the same.
    """
    job = await parts.jobs.get(job_id)
    path = JobFolder(parts.paths.job(job_id)).preview
    return await _small(path, known, f"job {job_id} has no preview: it is {job.state}", job_id)


@router.get("/{job_id}/thumbnail", response_class=_Webp)
async def thumbnail(job_id: JobId, parts: PartsOf, known: Known = None) -> Response:
    """The video's middle frame, small; If-None-Match as for the preview."""
    job = await parts.jobs.get(job_id)
    path = JobFolder(parts.paths.job(job_id)).thumbnail
    return await _small(path, known, f"job {job_id} has no thumbnail: it is {job.state}", job_id)


@router.get("/{job_id}/proxy", response_class=_Webp)
async def proxy(job_id: JobId, parts: PartsOf, known: Known = None) -> Response:
    """The whole video as a small animation, for a terminal; If-None-Match as for the preview."""
    job = await parts.jobs.get(job_id)
    path = JobFolder(parts.paths.job(job_id)).proxy
    older = job.output is not None
    problem = "was made before wantui kept one" if older else f"is {job.state}"
    return await _small(path, known, f"job {job_id} has no proxy: it {problem}", job_id)


@router.get("/{job_id}/frames/{number}", response_class=FileResponse)
async def frame(
    job_id: JobId, number: Annotated[int, Path(ge=1, le=MAX_ID)], parts: PartsOf
) -> FileResponse:
    """One frame as a PNG, as it was before the codec, of a job that was to keep them (`png`)."""
    output = (await parts.jobs.get(job_id)).output
    path = JobFolder(parts.paths.job(job_id)).frames / f"{number:05}.png"
    if output is None or output.frames_folder is None or not path.is_file():
        kept = output is not None and output.frames_folder is not None
        raise NoPicture(
            f"job {job_id} has no frame {number}" if kept else f"job {job_id} kept no frames",
            hint=f"see: wantui job {job_id}" if kept else "frames are kept by: generate --png",
        )
    return FileResponse(path, media_type="image/png")


async def _small(path: File, known: str | None, problem: str, job_id: int) -> Response:
    """Some kilobytes, named by their hash, unless the client has them. Raises NoPicture."""
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError:
        raise NoPicture(problem, hint=f"see: wantui job {job_id}") from None
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if known is not None and tag in map(str.strip, known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=WEBP, headers=headers)
