"""What a video would take, asked before it is: the ways there are, and what fits at all."""

from __future__ import annotations

from dataclasses import replace

from wantui.api.error import ErrorBody
from wantui.api.estimate import Accuracy, Crowd, Fits, PlanRequest, Plans
from wantui.api.hardware import Hardware
from wantui.api.job import JobRequest, Params
from wantui.api.lora import LoraUsed
from wantui.catalog.recipe import Quality, Recipe
from wantui.catalog.resolve import resolve
from wantui.catalog.sizes import parse_size
from wantui.daemon.adapters import Adapters
from wantui.daemon.inventory import Inventory
from wantui.daemon.loras import choose_loras
from wantui.daemon.machine import Machine
from wantui.daemon.planner import Planner, Wanted
from wantui.errors import DoesNotFit, InvalidRequest
from wantui.hardware.estimates.case import Case
from wantui.hardware.estimates.site import Site
from wantui.hardware.estimates.video import Video, default_video, video_of
from wantui.hardware.given import named, read
from wantui.hardware.nearest import nearest
from wantui.hardware.plan import plan, plan_on_best
from wantui.hardware.profile import Profile
from wantui.hardware.profiles import Profiles
from wantui.hardware.shown import fit, ways


class Forecast:
    def __init__(
        self,
        inventory: Inventory,
        machine: Machine,
        planner: Planner,
        profiles: Profiles,
        adapters: Adapters,
    ) -> None:
        self._inventory = inventory
        self._adapters = adapters
        self._machine = machine
        self._planner = planner
        self._profiles = profiles

    async def plans(self, request: PlanRequest) -> Plans:
        """Raises InvalidRequest, UnknownModel, UnknownAdapter, AdapterUnfit, or DoesNotFit for a
        device that is not there.
        """
        recipe = self._inventory.catalog.model(request.model)
        quality = self._inventory.catalog.quality(request.quality)
        loras = await self._loras(recipe, quality, request)
        params = _params(quality.applied_to(recipe), request).model_copy(update={"loras": loras})
        weights = await self._inventory.weights(recipe)
        hardware = await self._machine.read()
        profile = self._given(request)
        if profile is not None:
            case = Case(recipe, weights, video_of(recipe, params), _elsewhere(profile))
            return self._told(case, params, synthetic=True)
        wanted = Wanted(recipe, weights, video_of(recipe, params))
        case = self._here(wanted, hardware, request.device)
        crowd = self._crowd(wanted, hardware, case.site.device)
        told = self._told(case, params, synthetic=False)
        if crowd is None:
            return told
        return told.model_copy(update={"waits_for_memory": True, "holders": crowd.holders})

    async def fits(
        self,
        models: tuple[str, ...] = (),
        sizes: tuple[str, ...] = (),
        *,
        device: str | None = None,
        profile: str | None = None,
    ) -> Fits:
        """Models by their official sizes, with the frames and steps that each makes by default.

        All of them, or those that are named; a size that is not a model's own is left out of its
        row. Raises UnknownModel, InvalidRequest.
        """
        catalog = self._inventory.catalog
        hardware = await self._machine.read()
        if profile is None:
            site = self._planner.site(hardware, device)
        else:
            site = _elsewhere(named(self._profiles, profile))
        cells = []
        for recipe in [catalog.model(name) for name in models] or catalog.recipes:
            weights = await self._inventory.weights(recipe)
            for video in _videos(recipe, sizes):
                if profile is None:
                    wanted = Wanted(recipe, weights, video)
                    case = self._planner.case(wanted, hardware, site.device)
                else:
                    case = Case(recipe, weights, video, site)
                cells.append(fit(case, self._planner.limits(case)))
        return Fits(
            device=site.device,
            device_name=site.device_name,
            profile=site.profile.name,
            cells=tuple(cells),
        )

    def accuracy(self) -> Accuracy:
        """How far estimates were off, over the jobs that are remembered."""
        return self._planner.accuracy()

    async def _loras(
        self, recipe: Recipe, quality: Quality, request: PlanRequest
    ) -> tuple[LoraUsed, ...]:
        """As a job's; a quality whose own are not kept yet is planned without."""
        try:
            return await choose_loras(self._adapters, recipe, quality, request.loras)
        except InvalidRequest:
            if request.loras:
                raise
            return ()

    def _given(self, request: PlanRequest) -> Profile | None:
        if request.machine is not None:
            return read(self._profiles, request.machine)
        return named(self._profiles, request.profile) if request.profile else None

    def _here(self, wanted: Wanted, hardware: Hardware, device: str | None) -> Case:
        """On the device that is named, or on the one that a job would get."""
        cases = self._planner.cases(wanted, hardware, device)
        try:
            chosen = plan_on_best((case, self._planner.limits(case)) for case in cases).device
        except DoesNotFit:
            return max(cases, key=lambda case: case.site.device_bytes)
        return next(case for case in cases if case.site.device == chosen)

    def _crowd(self, wanted: Wanted, hardware: Hardware, device: str) -> Crowd | None:
        """Who holds the memory that it would wait for."""
        try:
            now = self._planner.claimed(wanted, hardware, device)
        except DoesNotFit:
            return None
        return now if isinstance(now, Crowd) else None

    def _told(self, case: Case, params: Params, *, synthetic: bool) -> Plans:
        limits = self._planner.limits(case)
        told = Plans(
            model=case.recipe.id,
            width=params.width,
            height=params.height,
            frames=params.frames,
            steps=params.steps,
            device=case.site.device,
            device_name=case.site.device_name,
            profile=case.site.profile.name,
            synthetic=synthetic,
            device_budget_bytes=case.site.device_bytes,
            host_budget_bytes=case.site.host_bytes,
            ways=ways(case, limits),
        )
        try:
            plan(case, limits)
        except DoesNotFit as error:
            known = nearest(case, self._inventory.catalog.recipes, limits)
            return told.model_copy(update={"refusal": ErrorBody.of(error), "nearest": known})
        return told


def _elsewhere(profile: Profile) -> Site:
    return Site.of(profile.name, profile.summary or profile.name, profile)


def _params(recipe: Recipe, request: PlanRequest) -> Params:
    """As a job's would be resolved; no picture is needed to tell what it takes."""
    asked = JobRequest(
        prompt="-",
        size=request.size,
        frames=request.frames,
        steps=request.steps,
        guidance=request.guidance,
        seed=0,
    )
    return resolve(recipe.model_copy(update={"needs_image": False}), asked, None)


def _videos(recipe: Recipe, sizes: tuple[str, ...]) -> list[Video]:
    """In each official size of a model, or in those of them that are named."""
    wanted = [size for size in recipe.limits.sizes if not sizes or size in sizes]
    usual = default_video(recipe)
    shapes = [parse_size(size, recipe.limits) for size in wanted]
    return [replace(usual, width=shape.width, height=shape.height) for shape in shapes]
