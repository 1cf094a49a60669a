"""How a request becomes a job, or is refused before it is one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from wantui.api.job import ImageUsed, Job, JobRequest
from wantui.catalog.encoding import resolve_encoding
from wantui.catalog.recipe import Recipe
from wantui.catalog.resolve import resolve
from wantui.catalog.vocabulary import notes
from wantui.daemon.adapters import Adapters
from wantui.daemon.engine import GGUF_PACKAGES, LORA_PACKAGES, need_engine
from wantui.daemon.inventory import Inventory, need_own_files, need_whole
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.loras import choose_loras, misplaced
from wantui.daemon.planner import Planner, Wanted
from wantui.daemon.uploads import Uploads
from wantui.errors import DiskFull, FolderUnsafe, UnknownUpload
from wantui.hardware.estimates.video import video_of
from wantui.paths import Paths
from wantui.queue.jobs import Jobs
from wantui.settings import VideoSettings

AUTO = "auto"
MODELS_REMEMBERED = 8
JOBS_LOOKED_AT = 8
"""For a picture that was uploaded long ago; its file may be gone from some of them."""


class Intake:
    def __init__(
        self,
        *,
        paths: Paths,
        inventory: Inventory,
        planner: Planner,
        uploads: Uploads,
        adapters: Adapters,
        jobs: Jobs,
        default_model: str,
        video: VideoSettings,
        wake: Callable[[], None],
    ) -> None:
        self._paths = paths
        self._inventory = inventory
        self._planner = planner
        self._uploads = uploads
        self._adapters = adapters
        self._jobs = jobs
        self._default_model = default_model
        self._video = video
        self._wake = wake

    async def accept(self, request: JobRequest, owner: int) -> Job:
        """The job, safely on disk.

        Raises InvalidRequest, UnknownModel, UnknownUpload, UnknownAdapter, AdapterUnfit,
        EngineMissing, WeightsAbsent, WeightsCorrupt, DoesNotFit, QueueFull or DiskFull.
        """
        recipe = await self._recipe(request)
        quality = self._inventory.catalog.quality(request.quality)
        image = await self._image(request)
        params = resolve(quality.applied_to(recipe), request, image)
        loras = await choose_loras(self._adapters, recipe, quality, request.loras)
        params = params.model_copy(update={"loras": loras})
        encoding = resolve_encoding(self._video, request.codec, request.crf, png=request.png)
        need_engine(
            *(LORA_PACKAGES if loras else ()), *(GGUF_PACKAGES if recipe.is_quantised else ())
        )
        weights = await self._inventory.weights(recipe)
        need_own_files(recipe, weights)
        if not (request.fetch and recipe.sources):
            need_whole(recipe, weights)
        recipes = self._inventory.catalog.recipes
        asked_plan = await self._planner.asked(
            Wanted(recipe, weights, video_of(recipe, params), request.allow_degrade), recipes
        )
        with self._adapters.held(lora.sha256 for lora in loras):
            job = await self._jobs.accept(
                model=recipe.id,
                quality=quality.id,
                faithful=quality.faithful and not recipe.is_quantised,
                params=params,
                encoding=encoding,
                asked_plan=asked_plan,
                warnings=(
                    *misplaced(self._adapters, recipe, loras),
                    *notes(recipe, params.prompt),
                ),
                owner=owner,
                hold=request.hold,
                fetch=request.fetch,
                unverified=request.unverified,
                allow_degrade=request.allow_degrade,
            )
        await self._prepare(job)
        self._wake()
        return job

    async def _prepare(self, job: Job) -> None:
        """Make the job's folder; should that fail now, its attempt tries again and says why."""
        folder = JobFolder(self._paths.job(job.id))
        with contextlib.suppress(
            FolderUnsafe, DiskFull, UnknownUpload
        ):  # the job is accepted: it stands
            await asyncio.to_thread(folder.prepare, job, self.upload(job))

    def upload(self, job: Job) -> Path | None:
        """Where the job's picture was uploaded to."""
        return self._uploads.path(job.params.image.sha256) if job.params.image else None

    async def _recipe(self, request: JobRequest) -> Recipe:
        name = request.model or self._default_model
        if name.casefold() != AUTO:
            return self._inventory.catalog.model(name)
        return await self._inventory.choose(await self._jobs.last_models(MODELS_REMEMBERED))

    async def _image(self, request: JobRequest) -> ImageUsed | None:
        if request.image is None:
            return None
        try:
            return await asyncio.to_thread(self._uploads.used, request.image)
        except UnknownUpload:
            await self._keep_again(request.image)
            return await asyncio.to_thread(self._uploads.used, request.image)

    async def _keep_again(self, sha256: str) -> None:
        """Take a picture that is no upload any more from the folder of a job that was made of it.

        Raises UnknownUpload if no job has it.
        """
        for job in await self._jobs.with_image(sha256, JOBS_LOOKED_AT):
            path = JobFolder(self._paths.job(job.id)).image(job)
            if path is not None and await asyncio.to_thread(self._uploads.keep_copy, path, sha256):
                return
        raise UnknownUpload("there is no such upload, and no job has the picture")
