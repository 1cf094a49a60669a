"""How requests become jobs, or are refused before they are any."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wantui.api.job import ImageUsed, Job, JobRequest, JobState
from wantui.api.model import WeightsStatus
from wantui.api.plan import Plan
from wantui.catalog.encoding import resolve_encoding
from wantui.catalog.recipe import Recipe
from wantui.catalog.resolve import resolve
from wantui.catalog.vocabulary import notes
from wantui.daemon.adapters import Adapters
from wantui.daemon.engine import GGUF_PACKAGES, LORA_PACKAGES, need_engine
from wantui.daemon.inventory import Inventory, need_own_files, need_whole
from wantui.daemon.job_folder import JobFolder
from wantui.daemon.loras import choose_loras, misplaced
from wantui.daemon.permission import is_owner, need_fetch, need_turn
from wantui.daemon.planner import Planner, Wanted
from wantui.daemon.terms import terms
from wantui.daemon.uploads import Uploads
from wantui.errors import DiskFull, FolderUnsafe, UnknownUpload, WantuiError
from wantui.hardware.estimates.video import Video, video_of
from wantui.paths import Paths
from wantui.queue.batch import Submission
from wantui.queue.jobs import Jobs
from wantui.settings import VideoSettings

AUTO = "auto"
MODELS_REMEMBERED = 8
JOBS_LOOKED_AT = 8
"""For a picture that was uploaded long ago; its file may be gone from some of them."""


@dataclass
class _Seen:
    """What one batch has found out, and need not for each of its jobs."""

    weights: dict[str, WeightsStatus] = field(default_factory=dict)
    plans: dict[tuple[str, Video, bool], Plan] = field(default_factory=dict)


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

    async def accept(
        self, requests: Sequence[JobRequest], owner: int, submission: Submission | None = None
    ) -> list[Job]:
        """The jobs, safely on disk: all of them or none; those of before if it was sent before.

        Raises InvalidRequest, UnknownModel, UnknownUpload, UnknownAdapter, AdapterUnfit,
        EngineMissing, WeightsAbsent, WeightsCorrupt, DoesNotFit, DependencyFailed, NotAllowed,
        QueueFull, KeyReused or DiskFull; of several requests the first refusal, with its number.
        """
        if submission and (known := await self._jobs.sent_before(submission)) is not None:
            return known
        seen = _Seen()
        drafts = []
        for number, request in enumerate(requests):
            try:
                drafts.append(await self._draft(request, owner, seen))
            except WantuiError as error:
                raise (error if len(requests) == 1 else of_entry(error, number)) from error
        return await self.keep(drafts, submission)

    async def keep(self, drafts: Sequence[Job], submission: Submission | None) -> list[Job]:
        """Raises UnknownAdapter, QueueFull, KeyReused or DiskFull."""
        with self._adapters.held(lora.sha256 for job in drafts for lora in job.params.loras):
            jobs = await self._jobs.accept(drafts, submission)
        if len(jobs) == 1:  # the folders of many are made when they are started
            await self._prepare(jobs[0])
        self._wake()
        return jobs

    async def draft(self, request: JobRequest, owner: int) -> Job:
        """The job that a request asks for, which is not kept yet. Raises what `accept` does."""
        return await self._draft(request, owner, _Seen())

    async def _draft(self, request: JobRequest, owner: int, seen: _Seen) -> Job:
        recipe = await self._recipe(request)
        quality = self._inventory.catalog.quality(request.quality)
        image = await self._image(request)
        params = resolve(quality.applied_to(recipe), request, image)
        loras = await choose_loras(self._adapters, recipe, quality, request.loras)
        params = params.model_copy(update={"loras": loras})
        encoding = resolve_encoding(self._video, request.codec, request.crf, png=request.png)
        need_turn(owner, request.priority)
        asked = await terms(request, self._jobs)
        need_engine(
            *(LORA_PACKAGES if loras else ()), *(GGUF_PACKAGES if recipe.is_quantised else ())
        )
        if recipe.id not in seen.weights:
            seen.weights[recipe.id] = await self._inventory.weights(recipe)
        weights = seen.weights[recipe.id]
        need_own_files(recipe, weights)
        if not (request.fetch and recipe.sources):
            need_whole(recipe, weights)
        elif not weights.state.usable:
            need_fetch(owner, recipe.id)
        asked_plan = await self._plan(
            Wanted(recipe, weights, video_of(recipe, params), request.allow_degrade), seen
        )
        return Job(
            id=0,
            rev=1,
            state=JobState.HELD if request.hold else JobState.QUEUED,
            model=recipe.id,
            quality=quality.id,
            faithful=quality.faithful and not recipe.is_quantised,
            params=params,
            encoding=encoding,
            asked_plan=asked_plan,
            warnings=(
                *misplaced(self._adapters, recipe, loras),
                *(() if loras else notes(recipe, params.prompt)),  # a LoRA brings its own words
            ),
            owner=owner,
            fetch=request.fetch and is_owner(owner),
            unverified=request.unverified,
            allow_degrade=request.allow_degrade,
            created_at=time.time(),
            **asked,
        )

    async def _plan(self, wanted: Wanted, seen: _Seen) -> Plan:
        """Made once for all that differ by their words and seeds. Raises DoesNotFit."""
        kind = (wanted.recipe.id, wanted.video, wanted.may_degrade)
        if kind not in seen.plans:
            recipes = self._inventory.catalog.recipes
            seen.plans[kind] = await self._planner.asked(wanted, recipes)
        return seen.plans[kind]

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


def of_entry(error: WantuiError, number: int) -> WantuiError:
    """The refusal of one of several requests, counted from 0. Detail: entry."""
    return type(error)(
        f"jobs[{number}]: {error.message}",
        hint=error.hint,
        detail={**error.detail, "entry": number},
    )
