"""One attempt of one job: the order that its worker gets, and what becomes of its reports."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from wantui.api.doctor import DOCTORS_LABEL
from wantui.api.job import Job, JobWarning
from wantui.api.model import WeightsStatus
from wantui.api.plan import Plan
from wantui.catalog.encoding import resolve_encoding
from wantui.catalog.preview import preview_order
from wantui.catalog.recipe import Recipe
from wantui.daemon.heartbeat import Vigil, heard
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.loras import lora_files
from wantui.daemon.progress import Meter
from wantui.daemon.scheduler import Claim
from wantui.daemon.settle import settle
from wantui.daemon.supervisor import WorkerProcess
from wantui.daemon.timeouts import Timeouts
from wantui.errors import WorkerCrashed
from wantui.paths import Paths
from wantui.pipe.messages import (
    Began,
    Checkpointed,
    Completed,
    EmbeddingCache,
    Failed,
    Generate,
    GgufExpert,
    Heartbeat,
    Loaded,
    ModelFiles,
    Previewed,
    Report,
    Step,
    Stop,
    Stopped,
    Unloaded,
    Warned,
)
from wantui.queue.jobs import Jobs
from wantui.settings import Settings
from wantui.store.converted import loadable
from wantui.store.scan import converted_folder, located, weights_files
from wantui.store.verdicts import Verdicts

log = logging.getLogger(__name__)


def order_for(claim: Claim, paths: Paths, settings: Settings, verdicts: Verdicts) -> Generate:
    """All that the worker needs, resolved; completes the job's folder.

    Raises WeightsAbsent, UnknownAdapter, FolderUnsafe or DiskFull.
    """
    job, recipe = claim.job, located(claim.recipe, claim.weights)
    folder = JobFolder(paths.job(job.id))
    folder.sweep()
    image = folder.image(job)
    folder.prepare(job, paths.uploads / job.params.image.sha256 if job.params.image else None)
    encoding = job.encoding or resolve_encoding(settings.video)
    return Generate(
        job=job.id,
        attempt=len(job.attempts),
        weights=model_files(claim.recipe, claim.weights, claim.plan, verdicts),
        plan=claim.plan,
        params=job.params,
        quality=job.quality,
        faithful=job.faithful,
        loras=lora_files(job.params, paths.adapters),
        image=str(image) if image else None,
        output=str(folder.output),
        checkpoint=str(folder.checkpoint),
        checkpoint_every_s=settings.worker.checkpoint_every_s,
        embeddings=_embeddings(job, folder, paths, settings),
        encoding=encoding,
        thumbnail=str(folder.thumbnail),
        proxy=str(folder.proxy),
        frames_folder=str(folder.frames) if encoding.png else None,
        preview=preview_order(recipe, settings.preview, folder.preview),
        provenance=str(folder.provenance),
        log=str(folder.log),
    )


def model_files(
    catalogued: Recipe, weights: WeightsStatus, plan: Plan, verdicts: Verdicts
) -> ModelFiles:
    """A model's files as they are now, for whoever loads it. Raises WeightsAbsent."""
    recipe = located(catalogued, weights)
    folder = weights.folder or ""
    return ModelFiles(
        model=recipe.id,
        folder=folder,
        pipeline=recipe.pipeline,
        expand_timesteps=recipe.expand_timesteps,
        text_tokens=recipe.limits.text_tokens,
        files=weights_files(recipe, Path(folder), verdicts),
        converted=tuple(
            converted_folder(recipe, part, verdicts) for part in loadable(weights, plan.dtype)
        ),
        gguf=tuple(
            GgufExpert(component=part.name, path=str(Path(folder, part.gguf)))
            for part in recipe.components
            if part.gguf is not None
        ),
    )


def _embeddings(job: Job, folder: JobFolder, paths: Paths, settings: Settings) -> EmbeddingCache:
    """A doctor wants to see the encoder at work, and leaves nothing that it made to others."""
    if job.label == DOCTORS_LABEL:
        return EmbeddingCache(folder=str(folder.path), most_bytes=0)
    return EmbeddingCache(folder=str(paths.embeddings), most_bytes=settings.cache.embeddings_bytes)


class Attempt:
    """Runs on a ready worker.

    `asked_to_stop` is set when the job is cancelled or held; `holds` is told which model the worker
    has loaded from now on.
    """

    def __init__(
        self,
        job_id: int,
        worker: WorkerProcess,
        jobs: Jobs,
        holds: Callable[[str | None], Awaitable[None]],
        asked_to_stop: asyncio.Event,
    ) -> None:
        self.job_id = job_id
        self._worker = worker
        self._jobs = jobs
        self._holds = holds
        self._asked_to_stop = asked_to_stop
        self._meter = Meter()
        self.completed: Completed | None = None
        """What the worker said when it was done."""
        self.worker_is_good = False
        """Whether the worker ended the attempt itself, and takes the next."""
        self.killed_worker = False
        """Whether it was killed because it did not stop."""
        self.kept_step = False
        """Whether it kept a step: it brought the job on, whatever became of the worker."""

    async def run(self, order: Generate, stop_grace_s: float, timeouts: Timeouts) -> None:
        """Until the job is completed or stopped, and that is on disk.

        Raises what the worker reports as the failure, or WorkerCrashed and what is more exact.
        """
        vigil = Vigil(timeouts, time.monotonic())
        await settle(lambda: self._jobs.started_worker(self.job_id, self._worker.pid))
        async with self._stopping(stop_grace_s):
            self._worker.send(order)
            while not await self._take(await self._report(vigil)):
                pass
        self.worker_is_good = True

    async def _report(self, vigil: Vigil) -> Report:
        """The next report of this job, or of no job. Raises WorkerHung when none comes."""
        try:
            report = await heard(self._worker, vigil)
        except WorkerCrashed as error:
            error.detail.setdefault("stage", vigil.stage.value)
            raise
        if getattr(report, "job", self.job_id) != self.job_id:
            raise WorkerCrashed(f"the worker reported on another job: {report.kind}")
        return report

    @contextlib.asynccontextmanager
    async def _stopping(self, grace_s: float) -> AsyncIterator[None]:
        """While this is open, a stop that is asked for is carried out, in the end by force."""

        async def carry_out() -> None:
            await self._asked_to_stop.wait()
            self._worker.send(Stop(job=self.job_id))
            await asyncio.sleep(grace_s)
            log.warning("worker %d does not stop: killing it", self._worker.pid)
            self.killed_worker = True
            await self._worker.kill()

        task = asyncio.create_task(carry_out())
        try:
            yield
        finally:
            task.cancel()

    async def _take(self, report: Report) -> bool:
        """Act on one report; whether it ended the attempt."""
        match report:
            case Completed(output=output, timings=timings):
                self.completed = report
                await settle(lambda: self._jobs.complete(self.job_id, output, timings))
                return True
            case Stopped():
                await settle(lambda: self._jobs.stopped(self.job_id))
                return True
            case Failed(error=error, ends=ends):
                self.worker_is_good = not ends
                raise error.to_error()
            case Loaded(model=model):
                await self._holds(model)
            case Unloaded():
                await self._holds(None)
            case _:
                await self._note(report)
        return False

    async def _note(self, report: Report) -> None:
        """What the worker tells of the job while it goes on."""
        match report:
            case Step(stage=stage, step=step, of=of):
                self._jobs.progress(self.job_id, self._meter.read(stage, step, of))
            case Previewed(rev=rev):
                self._jobs.progress(self.job_id, self._meter.previewed(rev))
            case Began(step=step):
                await settle(lambda: self._jobs.began(self.job_id, step))
            case Checkpointed(step=step):
                self.kept_step = True
                await settle(lambda: self._jobs.checkpointed(self.job_id, step))
            case Warned(code=code, message=message):
                warning = JobWarning(code=code, message=message)
                await settle(lambda: self._jobs.warn(self.job_id, warning))
            case Heartbeat():
                pass  # that it came is all that it says here
            case _:
                log.warning("worker sent %r in the middle of a job", report.kind)
