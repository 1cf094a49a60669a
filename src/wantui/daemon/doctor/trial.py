"""A job carried out by a worker process of its own: the real way, without a queue."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

from wantui.api.hardware import Hardware
from wantui.api.job import Job, JobRequest, JobState
from wantui.api.plan import Plan
from wantui.catalog.encoding import resolve_encoding
from wantui.catalog.recipe import Recipe
from wantui.catalog.resolve import resolve
from wantui.daemon.attempt import order_for
from wantui.daemon.children import Children
from wantui.daemon.engine import need_engine
from wantui.daemon.inventory import need_whole
from wantui.daemon.scheduler import Claim
from wantui.daemon.supervisor import WorkerProcess
from wantui.errors import TimedOut
from wantui.hardware.estimates.case import Case
from wantui.hardware.estimates.site import Site
from wantui.hardware.estimates.video import video_of
from wantui.hardware.plan import devices, plan_on_best
from wantui.hardware.profiles import Profiles
from wantui.hardware.ways import NO_LIMITS
from wantui.paths import Paths, demo_weights
from wantui.pipe.messages import Completed, Failed, Generate
from wantui.settings import Settings
from wantui.store.scan import scan
from wantui.store.verdicts import Verdicts

TRIAL_S = 600.0
"""How long the engine's import and a small clip may take on the slowest machine."""


def claim_for(
    recipe: Recipe, request: JobRequest, paths: Paths, settings: Settings, plan: Plan
) -> Claim:
    """A job as a queue would hand it out. Raises WeightsAbsent, WeightsCorrupt, InvalidRequest or
    EngineMissing.
    """
    need_engine()
    weights = scan(recipe, paths.hub_cache, demo_weights(), Verdicts())
    need_whole(recipe, weights)
    job = Job(
        id=1,
        rev=1,
        state=JobState.RUNNING,
        model=recipe.id,
        quality=request.quality,
        params=resolve(recipe, request, None),
        encoding=resolve_encoding(settings.video, request.codec, request.crf, png=request.png),
        label=request.label,
        owner=os.getuid(),
        created_at=time.time(),
    )
    return Claim(job, recipe, weights, plan)


def plan_for(recipe: Recipe, request: JobRequest, hardware: Hardware, profiles: Profiles) -> Plan:
    """On the device that suits it best. Raises DoesNotFit."""
    video = video_of(recipe, resolve(recipe, request, None))
    names = {gpu.uuid: gpu.name for gpu in hardware.gpus}
    cases = []
    for device in devices(hardware):
        matched = profiles.match(hardware, device)
        name = names.get(matched.device, hardware.cpu.name)
        cases.append(Case(recipe, None, video, Site.of(matched.device, name, matched.profile)))
    return plan_on_best((case, NO_LIMITS) for case in cases)


async def carry_out(claim: Claim, folder: Path, paths: Paths, settings: Settings) -> Completed:
    """All that it writes is below `folder`. Raises what the worker reports, or TimedOut."""
    elsewhere = replace(paths, data=folder, cache=folder)
    order = await asyncio.to_thread(order_for, claim, elsewhere, settings, Verdicts())
    log_file = folder / "worker.log"
    worker = await WorkerProcess.start(
        Children(folder), claim.plan.device, log_file, settings.worker.start_timeout_s
    )
    try:
        async with asyncio.timeout(TRIAL_S):
            return await _completed(worker, order)
    except TimeoutError as error:
        raise TimedOut(f"the worker was not done in {TRIAL_S:g} s") from error
    finally:
        await worker.kill()


async def _completed(worker: WorkerProcess, order: Generate) -> Completed:
    worker.send(order)
    while True:
        match await worker.report():
            case Completed() as completed:
                return completed
            case Failed(error=error):
                raise error.to_error()
            case _:
                pass
