"""Jobs: submit, find, move, cancel, hold, release, try again, take the video away, remove."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import FileResponse

from wantui.api.base import Request
from wantui.api.batch import KEY_HEADER, MAX_KEY_CHARACTERS, Batch, BatchRequest, RetryRequest
from wantui.api.cleaning import Cleaning, CleanRequest
from wantui.api.history import History
from wantui.api.job import Job, JobRequest, Jobs, JobState
from wantui.api.move import Move
from wantui.api.provenance import Provenance
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.permission import need_turn
from wantui.daemon.routes.common import PartsOf, Peer, answer
from wantui.daemon.terms import check_priority
from wantui.errors import NoOutput
from wantui.queue.batch import Submission
from wantui.queue.history import Wanted
from wantui.queue.jobs import MAX_PAGE

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

MAX_ID = 2**63 - 1
JobId = Annotated[int, Path(ge=1, le=MAX_ID)]
Key = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        min_length=1,
        max_length=MAX_KEY_CHARACTERS,
        description="Of the client's own: the same request sent again with it is the same jobs.",
    ),
]


@router.post("", status_code=201, response_model=Job)
async def submit(request: JobRequest, parts: PartsOf, peer: Peer, key: Key = None) -> Response:
    """Accepted means on disk: it survives whatever dies next."""
    (accepted,) = await parts.intake.accept([request], peer, _submission(peer, key, "", request))
    return answer(parts.view(accepted), 201)


@router.post("/batch", status_code=201, response_model=Batch)
async def submit_batch(
    request: BatchRequest, parts: PartsOf, peer: Peer, key: Key = None
) -> Response:
    """Up to 1000 jobs, all of them or none."""
    jobs = await parts.intake.accept(request.jobs, peer, _submission(peer, key, "", request))
    return answer(Batch(jobs=tuple(map(parts.view, jobs))), 201)


@router.post("/clean", response_model=Cleaning)
async def clean(request: CleanRequest, parts: PartsOf, dry_run: bool = False) -> Response:
    """Remove finished jobs, or what they could be gone on from; with `dry_run` only say which."""
    return answer(await parts.backlog.cleaner.clean(request, dry_run=dry_run))


@router.get("", response_model=Jobs)
async def jobs(
    parts: PartsOf,
    *,
    state: JobState | None = None,
    model: str | None = None,
    label: str | None = None,
    owner: Annotated[int | None, Query(ge=0, lt=2**32)] = None,
    since: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    search: Annotated[str | None, Query(max_length=1000)] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """A page of all jobs, newest first; `search` has words that all stand in prompt or label.

    `since` is in seconds since the epoch, `model` an id.
    """
    wanted = Wanted(state=state, model=model, label=label, owner=owner, since=since, text=search)
    page = await parts.jobs.page(wanted, before, limit)
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


@router.post("/{job_id}/move", response_model=Job)
async def move(job_id: JobId, request: Move, parts: PartsOf, peer: Peer) -> Response:
    """Elsewhere in the queue; kept over restarts."""
    if request.priority is not None:
        need_turn(peer, check_priority(request.priority))
    return answer(parts.view(await parts.jobs.move(job_id, request)))


@router.post("/{job_id}/retry", status_code=201, response_model=Job)
async def retry(
    job_id: JobId, request: RetryRequest, parts: PartsOf, peer: Peer, key: Key = None
) -> Response:
    """A new job like one that has ended, but for what is given; it names the old one."""
    submission = _submission(peer, key, f"retry {job_id}", request)
    return answer(parts.view(await parts.retries.retry(job_id, request, peer, submission)), 201)


@router.delete("/{job_id}", response_model=Cleaning)
async def remove(job_id: JobId, parts: PartsOf, dry_run: bool = False) -> Response:
    """Remove a job that has ended, with its video; with `dry_run` only say what that frees."""
    request = CleanRequest(jobs=(job_id,))
    return answer(await parts.backlog.cleaner.clean(request, dry_run=dry_run))


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


def _submission(peer: int, key: str | None, verb: str, request: Request) -> Submission | None:
    """What a client may send again; a digest that a later wantui's new fields do not change."""
    if key is None:
        return None
    content = f"{verb} {request.model_dump_json(exclude_defaults=True)}"
    return Submission(peer, key, hashlib.sha256(content.encode()).hexdigest())
