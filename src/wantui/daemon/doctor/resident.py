"""The doctor in a daemon: asks its parts, and has a clip made through its queue."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

from wantui.api.cleaning import CleanRequest
from wantui.api.doctor import Diagnosis, Finding, environment_of, error, warn
from wantui.api.event import EventKind
from wantui.api.job import Job, JobState
from wantui.daemon.doctor import examination
from wantui.daemon.doctor.clock import Clock
from wantui.daemon.doctor.records import check_soundness, quick_check
from wantui.daemon.doctor.reference import CHECK, Reference, check_clip, compare
from wantui.daemon.doctor.trial import TRIAL_S
from wantui.daemon.parts import Parts
from wantui.errors import WantuiError


async def examine(parts: Parts, *, quick: bool, owner: int) -> Diagnosis:
    """`quick` takes what was found out before and makes no clip; `owner` is the clip's."""
    before = Clock.now()
    ask = not parts.board.busy
    hardware = await parts.machine.find_out(anew=not quick, ask_engine=ask)
    ours = [worker.pid for worker in parts.board.all() if worker.pid is not None]
    readings = await asyncio.to_thread(
        examination.read, parts.paths, hardware, before, daemon=os.getpid(), ours=ours
    )
    found = list(examination.findings(readings, may_compile=parts.settings.worker.compile))
    found.append(await _soundness(parts))
    found += await _weights(parts)
    if not quick:
        found.append(await _clip(parts, owner))
    return Diagnosis(
        findings=tuple(found),
        environment=environment_of(os.environ),
        quick=quick,
        seconds=time.monotonic() - before.monotonic,
    )


async def _soundness(parts: Parts) -> Finding:
    path = str(parts.paths.database)
    try:
        return check_soundness(await parts.database.run(quick_check), path)
    except WantuiError as failure:
        return error("database", failure.message, where=path, fix="wantui daemon restart")


async def _weights(parts: Parts) -> list[Finding]:
    recipes = parts.inventory.catalog.recipes
    known = [(recipe, await parts.inventory.weights(recipe)) for recipe in recipes]
    told = examination.weights_findings(known, parts.paths.hub_cache)
    return await asyncio.to_thread(list[Finding], told)


async def _clip(parts: Parts, owner: int) -> Finding:
    """The demo's, by a job that nobody else's waits for."""
    reference = Reference.load()
    if parts.jobs.paused:
        fix = "wantui resume && wantui doctor"
        return warn(CHECK, "no clip was made: the queue is paused", fix=fix)
    waiting = [job.id for job in parts.jobs.live.values() if job.state is not JobState.HELD]
    if waiting:
        what = f"no clip was made: {len(waiting)} job(s) come first"
        fix = f"wantui wait {max(waiting)} && wantui doctor"
        return warn(CHECK, what, fix=fix)
    try:
        (job,) = await parts.intake.accept([reference.asked], owner)
    except WantuiError as failure:
        return error(CHECK, f"the demo is refused: {failure.message}", fix=failure.hint)
    try:
        return await _compared(parts, await _ended(parts, job.id), reference)
    finally:
        await asyncio.shield(_remove(parts, job.id))


async def _ended(parts: Parts, job_id: int) -> Job:
    """The job once it is over, or as it is when that takes too long."""
    heard = parts.events.subscribe(None, (EventKind.JOB,))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TRIAL_S), contextlib.aclosing(heard):
            async for _ in heard:  # also at once, and now and then
                if (await parts.jobs.get(job_id)).state.finished:
                    break
    return await parts.jobs.get(job_id)


async def _compared(parts: Parts, job: Job, reference: Reference) -> Finding:
    if job.error is not None:
        what = f"the demo's clip failed: {job.error.message}"
        return error(CHECK, what, where=_device(job), fix=job.error.hint)
    if job.output is None or job.output.frames_folder is None or job.plan is None:
        waits = ", ".join(parts.view(job).waits_for) or "nothing"
        what = f"the demo's clip is {job.state} after {TRIAL_S:g} s and waits for {waits}"
        return error(CHECK, what, fix="wantui logs worker")
    frames = Path(job.output.frames_folder)
    seconds = (job.finished_at or 0.0) - (job.started_at or 0.0)
    try:
        agreement = await asyncio.to_thread(compare, frames, reference)
    except (OSError, ValueError) as failure:
        return error(CHECK, f"its frames cannot be read: {failure}", fix="wantui doctor")
    return check_clip(agreement, job.plan.dtype, reference, _device(job), seconds)


def _device(job: Job) -> str:
    return job.plan.device_name if job.plan else ""


async def _remove(parts: Parts, job_id: int) -> None:
    """The job, whatever became of it."""
    job = await parts.jobs.get(job_id)
    if not job.state.finished:
        parts.stop_job(await parts.jobs.cancel(job_id))
        job = await _ended(parts, job_id)
    if job.state.finished:  # else the daemon stops, and the job with it
        await parts.backlog.cleaner.clean(CleanRequest(jobs=(job_id,)), dry_run=False)
