"""Jobs: submit, look at, cancel, hold, release, and take the video away."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse

from wantui.api.history import History
from wantui.api.job import Job, JobRequest, Jobs, JobState
from wantui.api.provenance import Provenance
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.routes.common import PartsOf, Peer, answer
from wantui.errors import NoOutput
from wantui.queue.jobs import MAX_PAGE

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

MAX_ID = 2**63 - 1
JobId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.post("", status_code=201, response_model=Job)
async def submit(request: JobRequest, parts: PartsOf, peer: Peer) -> Response:
    """Accepted means on disk: it survives whatever dies next."""
    return answer(parts.view(await parts.intake.accept(request, peer)), 201)


@router.get("", response_model=Jobs)
async def jobs(
    parts: PartsOf,
    state: JobState | None = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """A page of all jobs, newest first."""
    page = await parts.jobs.page(state, before, limit)
    return answer(page.model_copy(update={"jobs": tuple(map(parts.view, page.jobs))}))


@router.get("/{job_id}", response_model=Job)
async def job(job_id: JobId, parts: PartsOf) -> Response:
    return answer(parts.view(await parts.jobs.get(job_id)))


@router.get("/{job_id}/history", response_model=History)
async def history(job_id: JobId, parts: PartsOf) -> Response:
    """What became of it, and when: every change of its state, every attempt."""
    return answer(await parts.jobs.history(job_id))


@router.post("/{job_id}/cancel", response_model=Job)
async def cancel(job_id: JobId, parts: PartsOf) -> Response:
    """A running job stops before its next block and decodes nothing."""
    cancelled = await parts.jobs.cancel(job_id)
    parts.stop_job(cancelled)
    return answer(parts.view(cancelled))


@router.post("/{job_id}/hold", response_model=Job)
async def hold(job_id: JobId, parts: PartsOf) -> Response:
    """A held job does not run until it is released; a running one goes on then."""
    held = await parts.jobs.hold(job_id)
    parts.stop_job(held)
    return answer(parts.view(held))


@router.post("/{job_id}/release", response_model=Job)
async def release(job_id: JobId, parts: PartsOf) -> Response:
    released = await parts.jobs.release(job_id)
    parts.wake()
    return answer(parts.view(released))


@router.get("/{job_id}/output", response_class=FileResponse)
async def output(job_id: JobId, parts: PartsOf) -> FileResponse:
    """The mp4; byte ranges work."""
    finished = await parts.jobs.get(job_id)
    path = parts.paths.job(job_id) / "output.mp4"
    if finished.output is None or not path.is_file():
        raise NoOutput(
            f"job {job_id} has no video: it is {finished.state}", hint=f"see: wantui job {job_id}"
        )
    return FileResponse(path, media_type="video/mp4", filename=f"wantui-{job_id}.mp4")


@router.get("/{job_id}/provenance", response_model=Provenance)
async def provenance(job_id: JobId, parts: PartsOf) -> Response:
    """What made the video: parameters, weights by their digests, plan, device, versions."""
    finished = await parts.jobs.get(job_id)
    path = JobFolder(parts.paths.job(job_id)).provenance
    if finished.output is None or not path.is_file():
        raise NoOutput(
            f"nothing is recorded of a video of job {job_id}: it is {finished.state}",
            hint=f"see: wantui job {job_id}",
        )
    return Response(await asyncio.to_thread(path.read_bytes), media_type="application/json")
