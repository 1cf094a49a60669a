"""What jobs are planned by: the machine, its profile, and what running jobs has shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from wantui.api.estimate import Accuracy, Crowd
from wantui.api.hardware import Hardware
from wantui.api.job import Job, JobWarning, Stage
from wantui.api.model import WeightsStatus
from wantui.api.plan import DType, Plan
from wantui.catalog.recipe import Recipe
from wantui.daemon.estimate_book import EstimateBook
from wantui.daemon.machine import Machine
from wantui.daemon.workers import WorkerBoard
from wantui.errors import CompileFailed, DoesNotFit, HostOutOfMemory, OutOfMemory
from wantui.hardware.estimates.case import Case
from wantui.hardware.estimates.compiling import compiles
from wantui.hardware.estimates.correction import Corrections
from wantui.hardware.estimates.seconds import stage_seconds
from wantui.hardware.estimates.site import Site
from wantui.hardware.estimates.video import Video, default_video
from wantui.hardware.ladder import limits_after, setup_of, told
from wantui.hardware.measured import Ran, measurements
from wantui.hardware.nearest import nearest
from wantui.hardware.now import Ours, holders, promised, site_now
from wantui.hardware.plan import CPU, devices, plan, plan_on_best
from wantui.hardware.profiles import Profiles
from wantui.hardware.records import Subject
from wantui.hardware.ways import Limits, lack
from wantui.text import one_line

LONGEST_PROBLEM = 200
SUGGESTED = 2
"""How many things that do fit a refusal names."""

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What is to be planned: a video by a model whose files are as they are."""

    recipe: Recipe
    weights: WeightsStatus
    video: Video
    may_degrade: bool = False
    """Whether other arithmetic may be taken where it fits in no other way."""
    compiled: bool | None = None
    """Whether its blocks are to run compiled, if that is settled; None is by what pays."""


class Planner:
    def __init__(
        self,
        machine: Machine,
        profiles: Profiles,
        book: EstimateBook,
        board: WorkerBoard,
        *,
        running: Callable[[], Iterable[Job]],
        may_compile: bool,
    ) -> None:
        """`running` has the jobs that run now, on whatever device."""
        self._machine = machine
        self._profiles = profiles
        self._book = book
        self._board = board
        self._running = running
        self._may_compile = may_compile

    async def prepare(self, device: str) -> None:
        """Before a device's first job: whether the engine compiles for it decides how jobs run."""
        if self._may_compile and device != CPU:
            await self._machine.ask_engine()

    async def asked(self, wanted: Wanted, others: Sequence[Recipe]) -> Plan:
        """By which a job is accepted: on the device that suits it best, with all of its memory.

        Raises DoesNotFit naming what would fit.
        """
        hardware = await self._machine.whole()
        cases = self.cases(wanted, hardware)
        try:
            return plan_on_best((case, self.limits(case)) for case in cases)
        except DoesNotFit as error:
            largest = max(cases, key=lambda case: case.site.device_bytes)
            raise self._with_suggestions(error, largest, others) from error

    def claimed(self, wanted: Wanted, hardware: Hardware, device: str) -> Plan | Crowd:
        """By which a job runs now, beside what others hold; or who it waits for.

        What jobs that run on other devices are yet to take of host memory is theirs.
        What others hold never changes a job's pixels: it is decoded in tiles only if it would be
        so with all the memory there is. Raises DoesNotFit if that is not enough either.
        """
        whole = self.case(wanted, hardware, device)
        limits = self.limits(whole)
        alone = plan(whole, limits)
        ours = self._ours(device)
        plans = (job.plan for job in self._running() if job.plan is not None)
        taken = promised(plans, self._board.held(), device)
        site = site_now(whole.site, hardware, ours, taken)
        half = alone.decode_dtype is not DType.FLOAT32
        crowded = replace(whole, site=site, may_degrade=half)
        try:
            return plan(crowded, limits, tiles=alone.tiled_decode)
        except DoesNotFit as error:
            needed = int(error.detail["needed_bytes"])
            return Crowd(
                model=wanted.recipe.id,
                width=wanted.video.width,
                height=wanted.video.height,
                frames=wanted.video.frames,
                device=device,
                missing_bytes=max(needed - int(error.detail["total_bytes"]), 0),
                holders=holders(hardware, device, ours),
            )

    async def crowded_out(
        self, wanted: Wanted, failed: Plan, error: OutOfMemory | HostOutOfMemory
    ) -> JobWarning | None:
        """What to say of a job that ran out of memory since others took some meanwhile: beside what
        they hold now it would not be planned so. None if it was the plan that was too much.
        """
        hardware = await self._machine.read()
        try:
            case = self.case(wanted, hardware, failed.device)
        except DoesNotFit:
            return None
        site = site_now(case.site, hardware, self._ours(failed.device))
        if lack(replace(case, site=site), setup_of(failed)) is None:
            return None
        stage = error.detail.get("stage", Stage.LOAD)
        message = f"{stage} ran out of memory that others had taken: it is planned beside them"
        return JobWarning(code="crowded_out", message=message)

    async def step_down(
        self, wanted: Wanted, failed: Plan, error: OutOfMemory | HostOutOfMemory
    ) -> JobWarning | None:
        """Remember that a plan was too much; what is done otherwise, or None if nothing is left.

        The next plan for the same on this device stays below it, this job's and any other's.
        """
        stage = Stage(str(error.detail.get("stage", Stage.LOAD)))
        hardware = await self._machine.read()
        try:
            case = self.case(wanted._replace(compiled=failed.compiled), hardware, failed.device)
            limits = limits_after(
                *(case, failed, stage, _lacking(error), self.limits(case)),
                of_host=isinstance(error, HostOutOfMemory) or bool(error.detail.get("host")),
            )
            now = plan(case, limits)
        except DoesNotFit:
            return None
        await self._book.keep_below(_subject(case), limits)
        return JobWarning(code="planned_lower", message=told(failed, now, stage))

    async def expected(self, wanted: Wanted, ran_by: Plan) -> dict[Stage, float]:
        """Seconds that each stage takes at the most by what is estimated of a plan.

        Empty where the driver does not name the plan's device now.
        """
        hardware = await self._machine.lately()
        try:
            case = self.case(wanted._replace(compiled=ran_by.compiled), hardware, ran_by.device)
        except DoesNotFit:
            return {}
        return {stage: stage_seconds(case, setup_of(ran_by), stage).high for stage in Stage}

    async def go_plain(self, error: CompileFailed) -> JobWarning:
        """Remember that blocks cannot be compiled here: plans are without that from now on."""
        await self._machine.compiles_not(one_line(error.message, LONGEST_PROBLEM))
        message = f"{error.message}: its blocks run plain now, and those of later jobs"
        return JobWarning(code="not_compiled", message=message)

    async def learn(self, wanted: Wanted, ran_by: Plan, ran: Ran) -> None:
        """Set what was measured of a job beside what was estimated of it."""
        hardware = await self._machine.read()
        try:
            case = self.case(wanted._replace(compiled=ran_by.compiled), hardware, ran_by.device)
        except DoesNotFit:  # the driver does not name the device now
            return
        await self._book.learn(measurements(case, setup_of(ran_by), ran))

    def case(self, wanted: Wanted, hardware: Hardware, device: str) -> Case:
        """Raises DoesNotFit if the machine has no such device."""
        recipe, site = wanted.recipe, self.site(hardware, device)
        case = Case(
            recipe,
            wanted.weights,
            wanted.video,
            site,
            self.corrections(site, recipe),
            may_degrade=wanted.may_degrade,
        )
        compiled = compiles(case) if wanted.compiled is None else wanted.compiled
        return replace(case, compiled=compiled and self._may_compile)

    def corrections(self, site: Site, recipe: Recipe) -> Corrections:
        """What was learned of a model on such a device."""
        return self._book.corrections(site.device_name, recipe.id)

    def cases(self, wanted: Wanted, hardware: Hardware, device: str | None = None) -> list[Case]:
        """On every device that jobs run on, or on the one that is named."""
        known = devices(hardware) if device is None else (device,)
        return [self.case(wanted, hardware, each) for each in known]

    def official(
        self, recipe: Recipe, weights: WeightsStatus, hardware: Hardware
    ) -> list[tuple[Case, Limits]]:
        """The video that a model makes by default, on every device."""
        cases = self.cases(Wanted(recipe, weights, default_video(recipe)), hardware)
        return [(case, self.limits(case)) for case in cases]

    def site(self, hardware: Hardware, device: str | None = None) -> Site:
        """A device with all of its memory, by default the largest. Raises DoesNotFit."""
        matched = self._profiles.match(hardware, device)
        names = {gpu.uuid: gpu.name for gpu in hardware.gpus}
        name = names.get(matched.device, hardware.cpu.name)
        return Site.of(*(matched.device, name, matched.profile), compiles=self._compiles(hardware))

    def _compiles(self, hardware: Hardware) -> bool:
        engine = hardware.engine
        return self._may_compile and engine is not None and engine.compiles

    def accuracy(self) -> Accuracy:
        return self._book.accuracy()

    def limits(self, case: Case) -> Limits:
        """What proved too much for it on its device."""
        return self._book.limits(_subject(case))

    def _with_suggestions(
        self, error: DoesNotFit, case: Case, others: Sequence[Recipe]
    ) -> DoesNotFit:
        known = nearest(case, others, self.limits(case))
        if not known:
            return error
        hint = "these would fit: " + "; ".join(one.words for one in known[:SUGGESTED])
        detail = {**error.detail, "nearest": [one.model_dump() for one in known]}
        return DoesNotFit(error.message, hint=hint, detail=detail)

    def _ours(self, device: str) -> Ours:
        workers = [one for one in self._board.all() if one.device == device]
        held = self._board.held().get(device, 0)
        return Ours([one.pid for one in workers if one.pid], held)


def _subject(case: Case) -> Subject:
    video = case.video
    where = (case.site.device, case.recipe.id)
    return Subject(*where, width=video.width, height=video.height, frames=video.frames)


def _lacking(error: OutOfMemory | HostOutOfMemory) -> int:
    """Bytes that were asked for beyond what was free; 0 where it is not known."""
    needed, free = error.detail.get("needed"), error.detail.get("free")
    return max(int(needed) - int(free), 0) if needed and free is not None else 0
