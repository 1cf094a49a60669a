"""Hands queued jobs to the devices: one lane a device, one job at a time in each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from wantui.api.hardware import Hardware
from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.model import WeightsState, WeightsStatus
from wantui.api.plan import Plan
from wantui.catalog.recipe import Recipe
from wantui.daemon.engine import missing_packages
from wantui.daemon.inventory import Inventory
from wantui.daemon.machine import Machine
from wantui.errors import DiskFull, DoesNotFit, UnknownModel, WrongState
from wantui.hardware.plan import devices, plan
from wantui.queue.jobs import Jobs
from wantui.queue.order import to_run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """A job that is running from now on, with all that its order needs."""

    job: Job
    recipe: Recipe
    weights: WeightsStatus
    plan: Plan


class Scheduler:
    """Decides which job a free device runs next, and why the others wait."""

    def __init__(self, jobs: Jobs, inventory: Inventory, machine: Machine) -> None:
        self._jobs = jobs
        self._inventory = inventory
        self._machine = machine
        self._claiming = asyncio.Lock()
        self._lacking: set[str] = set()
        self._draining = False
        self._disk_full = False

    def drain(self) -> None:
        """Hand out nothing more."""
        self._draining = True

    @property
    def look_again(self) -> bool:
        """Whether a job waits for something that changes without a word to us."""
        return self._disk_full or bool(self._lacking)

    def waits_for(self, job: Job) -> tuple[WaitsFor, ...]:
        """Why a queued job is not running."""
        if job.state is not JobState.QUEUED:
            return ()
        reasons = []
        if self._jobs.paused:
            reasons.append(WaitsFor.PAUSED)
        if missing_packages():
            reasons.append(WaitsFor.ENGINE)
        if job.model in self._lacking:
            reasons.append(WaitsFor.WEIGHTS)
        if self._disk_full:
            reasons.append(WaitsFor.DISK)
        return tuple(reasons) or (WaitsFor.DEVICE,)

    async def claim(self, device: str, chosen: Callable[[int], None]) -> Claim | None:
        """The next job for a device, now running; None if there is none.

        `chosen` learns the job's id before the claim is committed, so that a cancel that comes
        meanwhile finds the lane.
        """
        async with self._claiming:
            if self._draining or self._jobs.paused or missing_packages():
                return None
            hardware = await self._machine.read()
            try:
                return await self._first(device, hardware, chosen)
            except DiskFull:
                log.warning("no job is started: the disk is full")
                self._disk_full = True
                return None

    async def _first(
        self, device: str, hardware: Hardware, chosen: Callable[[int], None]
    ) -> Claim | None:
        lacking: set[str] = set()
        claim = None
        for job in to_run(self._jobs.live.values()):
            if job.model in lacking:
                continue
            try:
                claim = await self._try(job, device, hardware, chosen, lacking)
            except WrongState:  # cancelled or held meanwhile
                continue
            self._disk_full = False
            if claim is not None:
                break
        self._lacking = lacking  # at once: a client that asks meanwhile is told the last reasons
        return claim

    async def _try(
        self,
        job: Job,
        device: str,
        hardware: Hardware,
        chosen: Callable[[int], None],
        lacking: set[str],
    ) -> Claim | None:
        """Claim this one; None if it cannot run here now. Adds a model without weights."""
        try:
            recipe = self._inventory.catalog.model(job.model)
        except UnknownModel as error:
            await self._jobs.refuse(job.id, error)
            return None
        weights = await self._inventory.weights(recipe)
        if weights.state is not WeightsState.PRESENT:
            lacking.add(job.model)
            return None
        try:
            lawful = plan(recipe, weights, hardware, device)
        except DoesNotFit as error:
            if not _fits_elsewhere(recipe, weights, hardware):
                await self._jobs.refuse(job.id, error)
            return None
        chosen(job.id)
        claimed = await self._jobs.claim(job.id, lawful)
        return Claim(claimed, recipe, weights, lawful)


def _fits_elsewhere(recipe: Recipe, weights: WeightsStatus, hardware: Hardware) -> bool:
    for device in devices(hardware):
        try:
            plan(recipe, weights, hardware, device)
        except DoesNotFit:
            continue
        return True
    return False
