"""Hands queued jobs to the devices: one lane a device, one job at a time in each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from wantui.api.estimate import Crowd
from wantui.api.hardware import Hardware
from wantui.api.job import Job, JobState, WaitsFor, in_order
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
from wantui.errors import DiskFull, DoesNotFit, FetchError, UnknownModel, WrongState
from wantui.hardware.estimates.video import video_of
from wantui.hardware.plan import devices
from wantui.queue.jobs import Jobs

ROOM_BYTES = 64 << 20
"""What must be free before a job is tried again that found the disk full."""

Extent = tuple[str, int, int, int, tuple[LoraUsed, ...], bool]
"""All of a job that decides whether it fits a device."""

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
        self._crowded: dict[str, dict[Extent, Crowd]] = {}
        """By device."""
        self._devices: frozenset[str] = frozenset()
        self._without_worker: set[str] = set()
        self._device_gone = False
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
        return bool(self._disk_full or self._device_gone or self._lacking or self.crowded)

    def disk_is_full(self) -> None:
        """An attempt found no room: nothing is handed out until there is some."""
        self._disk_full = True
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

    async def claim(self, device: str, chosen: Callable[[int], None]) -> Claim | None:
        """The next job for a device, now running; None if there is none.

        `chosen` learns the job's id before the claim is committed, so that a cancel that comes
        meanwhile finds the lane.
        """
        async with self._claiming:
            if self._draining or self._jobs.paused or missing_packages():
                return None
            hardware = await self._machine.read()
            self._device_gone = device not in devices(hardware)
            if self._device_gone:  # the driver hiccups: what it no longer sees may come back
                log.warning("no job is started: the driver does not name %s now", device)
                return None
            if self._disk_full and not _room(hardware):
                return None
            try:
                return await self._first(device, hardware, chosen)
            except DiskFull:
                log.warning("no job is started: the disk is full")
                self.disk_is_full()
                return None

    async def _first(
        self, device: str, hardware: Hardware, chosen: Callable[[int], None]
    ) -> Claim | None:
        passed = _PassedOver()
        claim = None
        for job in in_order(self._jobs.live.values()):
            if job.state is not JobState.QUEUED:
                continue
            if _extent(job) in passed.unfit or Lacking.like(job) in passed.lacking:
                continue
            try:
                claim = await self._try(job, device, hardware, chosen, passed)
            except WrongState:  # cancelled or held meanwhile
                continue
            self._disk_full = False
            if claim is not None:
                break
        self._lacking = passed.lacking  # at once: who asks meanwhile is told the last reasons
        self._crowded[device] = passed.crowded
        self._tell()
        return claim

    async def _try(
        self,
        job: Job,
        device: str,
        hardware: Hardware,
        chosen: Callable[[int], None],
        passed: _PassedOver,
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
        claimed = await self._jobs.claim(job.id, lawful)
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
    return Wanted(recipe, weights, video_of(recipe, job.params), may_degrade=job.allow_degrade)


def _extent(job: Job) -> Extent:
    params = job.params
    shape = params.width, params.height, params.frames
    return job.model, *shape, params.loras, job.allow_degrade


def _room(hardware: Hardware) -> bool:
    """Whether every disk of ours has room to speak of again."""
    ours = [disk for disk in hardware.disks if disk.role in ("jobs", "state")]
    return all(disk.free_bytes >= ROOM_BYTES for disk in ours)
