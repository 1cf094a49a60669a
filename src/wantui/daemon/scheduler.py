"""Hands queued jobs to the devices: one lane a device, one job at a time in each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from wantui.api.estimate import Crowd
from wantui.api.hardware import Hardware
from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.lora import LoraUsed
from wantui.api.model import WeightsStatus
from wantui.api.plan import Plan
from wantui.api.queue import Lacking
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.daemon.engine import missing_packages
from wantui.daemon.machine import Machine
from wantui.daemon.planner import Planner, Wanted
from wantui.daemon.provision import Provision
from wantui.daemon.room import lack_of_room
from wantui.errors import (
    CompileFailed,
    DiskFull,
    DoesNotFit,
    FetchError,
    UnknownModel,
    WantuiError,
    WrongState,
)
from wantui.hardware.estimates.video import video_of
from wantui.hardware.plan import devices
from wantui.queue.jobs import Jobs
from wantui.queue.order import Search

Extent = tuple[str, int, int, int, int, tuple[LoraUsed, ...], bool, bool | None]
"""All of a job that decides whether it fits a device: how many steps it has too, for blocks are
compiled for long jobs alone, and take less memory then."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """A job that is running from now on, with all that its order needs."""

    job: Job
    recipe: Recipe
    weights: WeightsStatus
    plan: Plan

    @property
    def wanted(self) -> Wanted:
        """What was planned."""
        return _wanted(self.job, self.recipe, self.weights)


@dataclass
class _PassedOver:
    """What one search need not look at again."""

    lacking: set[Lacking] = field(default_factory=set)
    """Jobs without weights that they may load."""
    unfit: set[Extent] = field(default_factory=set)
    """Models too large for this device at this size and length, but not for another; or too large
    beside what others hold."""
    crowded: dict[Extent, Crowd] = field(default_factory=dict)
    """Those of them that wait for others."""

    def has(self, job: Job) -> bool:
        """Whether it is known of a job that it cannot run here now."""
        return _extent(job) in self.unfit or Lacking.like(job) in self.lacking


class Scheduler:
    """Decides which job a free device runs next, and why the others wait.

    `changed` is called when the reasons are others than before.
    """

    def __init__(
        self,
        jobs: Jobs,
        catalog: Catalog,
        provision: Provision,
        machine: Machine,
        *,
        planner: Planner,
        changed: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._catalog = catalog
        self._provision = provision
        self._machine = machine
        self._planner = planner
        self._changed = changed
        self._claiming = asyncio.Lock()
        self._lacking: set[Lacking] = set()
        self._passed: dict[str, _PassedOver] = {}
        """What the last search for each device found."""
        self._crowded: dict[str, dict[Extent, Crowd]] = {}
        """By device."""
        self._devices: frozenset[str] = frozenset()
        self._without_worker: set[str] = set()
        self._gone: set[str] = set()
        """Devices that the driver did not name when their lane looked last."""
        self._draining = False
        self._disk_full = False
        self._told: tuple[object, ...] = ((), (), ())

    def start(self, devices: Iterable[str]) -> None:
        """The devices that have a lane, for as long as this daemon lives."""
        self._devices = frozenset(devices)

    def drain(self) -> None:
        """Hand out nothing more."""
        self._draining = True

    @property
    def look_again(self) -> bool:
        """Whether a job waits for something that changes without a word to us."""
        return bool(self._disk_full or self._gone or self._lacking or self.crowded)

    def disk_is_full(self) -> None:
        """An attempt found no room: nothing is handed out until there is some."""
        self._disk_full = True
        self._tell()

    async def need_room(self) -> None:
        """Raises DiskFull for as long as nothing is handed out for want of room."""
        if self._disk_full:
            await self._look_for_room(await self._machine.read())

    async def _has_room(self, hardware: Hardware) -> bool:
        try:
            await self._look_for_room(hardware)
        except WantuiError:
            return False
        return True

    async def _look_for_room(self, hardware: Hardware) -> None:
        """Once a disk was full, until it takes writes again. Raises what is wrong with it."""
        if self._disk_full and (lack := await asyncio.to_thread(lack_of_room, hardware)):
            raise lack
        self._disk_full = False
        self._tell()

    def worker_starts(self, device: str, *, well: bool) -> None:
        """Whether a device's worker could be started when it was last tried."""
        (self._without_worker.discard if well else self._without_worker.add)(device)
        self._tell()

    @property
    def waits_for(self) -> tuple[WaitsFor, ...]:
        """What keeps every queued job from running."""
        holds = {
            WaitsFor.PAUSED: self._jobs.paused,
            WaitsFor.ENGINE: bool(missing_packages()),
            WaitsFor.DISK: self._disk_full,
            WaitsFor.WORKER: bool(self._devices) and self._without_worker >= self._devices,
        }
        return tuple(reason for reason, is_so in holds.items() if is_so)

    @property
    def lacking(self) -> tuple[Lacking, ...]:
        """The kinds of job that have no weights yet."""
        return tuple(sorted(self._lacking, key=str))

    @property
    def crowded(self) -> tuple[Crowd, ...]:
        """The kinds of job that wait for memory, on every device that they fit at all."""
        found = {extent: crowd for one in self._crowded.values() for extent, crowd in one.items()}
        return tuple(found[extent] for extent in sorted(found, key=str))

    def _tell(self) -> None:
        now = self.waits_for, self.lacking, self.crowded
        if now != self._told:
            self._told = now
            self._changed()

    async def claim(
        self, device: str, loaded: str | None, chosen: Callable[[int], None]
    ) -> Claim | None:
        """The next job for a device, now running; None if there is none.

        One for the model that is `loaded` there may go ahead of its turn. `chosen` learns the job's
        id before the claim is committed, so that a cancel that comes meanwhile finds the lane.
        """
        async with self._claiming:
            if self._disk_full and not await self._has_room(await self._machine.read()):
                return None
            if self._draining or self._jobs.paused or missing_packages():
                return None
            hardware = await self._machine.read()
            if device not in devices(hardware):  # a hiccup: what the driver lost may come back
                self._gone.add(device)
                log.warning("no job is started: the driver does not name %s now", device)
                return None
            self._gone.discard(device)
            try:
                return await self._first(device, loaded, hardware, chosen)
            except DiskFull:
                log.warning("no job is started: the disk is full")
                self.disk_is_full()
                return None

    async def _first(
        self,
        device: str,
        loaded: str | None,
        hardware: Hardware,
        chosen: Callable[[int], None],
    ) -> Claim | None:
        passed = _PassedOver()
        before = self._passed.get(device, passed)
        claim = None
        search = self._jobs.search(loaded, before.has)
        for job in self._queued(search):
            if passed.has(job):
                continue
            try:
                claim = await self._try(job, device, hardware, chosen, passed=passed, search=search)
            except WrongState:  # cancelled or held meanwhile
                continue
            self._disk_full = False
            if claim is not None:
                break
        self._passed[device] = passed
        self._lacking = passed.lacking  # at once: who asks meanwhile is told the last reasons
        self._crowded[device] = passed.crowded
        self._tell()
        return claim

    def _queued(self, search: Search) -> Iterator[Job]:
        """As they are when they are looked at."""
        for job_id in search:
            job = self._jobs.live.get(job_id)
            if job is not None and job.state is JobState.QUEUED:
                yield job

    async def _try(
        self,
        job: Job,
        device: str,
        hardware: Hardware,
        chosen: Callable[[int], None],
        *,
        passed: _PassedOver,
        search: Search,
    ) -> Claim | None:
        """Claim this one; None if it cannot run here now, which is noted for others like it."""
        try:
            recipe = self._catalog.model(job.model)
            weights = await self._provision.ready(job, recipe)
        except (UnknownModel, FetchError) as error:
            await self._jobs.refuse(job.id, error)
            return None
        if weights is None:
            passed.lacking.add(Lacking.like(job))
            return None
        try:
            lawful = self._planner.claimed(_wanted(job, recipe, weights), hardware, device)
        except DoesNotFit as error:
            if self._fits_elsewhere(job, recipe, weights, hardware):
                passed.unfit.add(_extent(job))
            else:
                await self._jobs.refuse(job.id, error)
            return None
        if isinstance(lawful, Crowd):
            passed.unfit.add(_extent(job))
            passed.crowded[_extent(job)] = lawful
            return None
        chosen(job.id)
        claimed = await self._jobs.claim(job.id, lawful, search)
        return Claim(claimed, recipe, weights, lawful)

    def _fits_elsewhere(
        self, job: Job, recipe: Recipe, weights: WeightsStatus, hardware: Hardware
    ) -> bool:
        """Also where a device is not named now: it may be the one."""
        if not self._devices <= set(devices(hardware)):
            return True
        for device in self._devices:
            try:
                self._planner.claimed(_wanted(job, recipe, weights), hardware, device)
            except DoesNotFit:
                continue
            return True
        return False


def _wanted(job: Job, recipe: Recipe, weights: WeightsStatus) -> Wanted:
    video, way = video_of(recipe, job.params), _compiled(job)
    return Wanted(recipe, weights, video, may_degrade=job.allow_degrade, compiled=way)


def _compiled(job: Job) -> bool | None:
    """What was begun one way goes on that way: a checkpoint is of one arithmetic.

    But never again in one that could not be had.
    """
    errors = (attempt.error for attempt in job.attempts)
    if any(error is not None and error.code == CompileFailed.code for error in errors):
        return False
    return job.plan.compiled if job.plan is not None and job.checkpoint_step else None


def _extent(job: Job) -> Extent:
    params = job.params
    shape = params.width, params.height, params.frames, params.steps
    return job.model, *shape, params.loras, job.allow_degrade, _compiled(job)
