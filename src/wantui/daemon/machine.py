"""The machine as the daemon asks about it: read off the loop, planned for by `hardware`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from wantui.api.hardware import Hardware
from wantui.api.model import WeightsStatus
from wantui.api.plan import Plan
from wantui.catalog.recipe import Recipe
from wantui.hardware.plan import plan
from wantui.hardware.probe import Probe
from wantui.paths import Paths


class Machine:
    def __init__(self, paths: Paths) -> None:
        self._probe = Probe()
        self._disks = {"weights": paths.hub_cache, "jobs": paths.jobs, "state": paths.state}

    async def read(self) -> Hardware:
        return await asyncio.to_thread(self._probe.read, self._disks)

    async def best_plan(
        self, recipe: Recipe, weights: WeightsStatus, others: Sequence[Recipe]
    ) -> Plan:
        """For the device that suits it best. Raises DoesNotFit naming one of `others` that fits."""
        return plan(recipe, weights, await self.read(), others=others)

    def close(self) -> None:
        self._probe.close()
