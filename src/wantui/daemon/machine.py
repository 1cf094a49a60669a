"""The machine as the daemon asks about it: read off the loop, planned for by `hardware`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from wantui.api.hardware import Hardware
from wantui.api.job import Params
from wantui.api.model import WeightsStatus
from wantui.api.plan import Plan
from wantui.catalog.recipe import Recipe
from wantui.hardware.plan import plan
from wantui.hardware.probe import Probe
from wantui.paths import Paths

FRESH_S = 5.0
"""How old a reading may be for whoever asks every few seconds."""
PATIENCE_S = 1.0
"""How long they wait for a new one."""


class Machine:
    def __init__(self, paths: Paths) -> None:
        self._probe = Probe()
        self._prober = ThreadPoolExecutor(1, "probe")
        """A driver that hangs holds up this, and nothing else."""
        self._reading: asyncio.Task[Hardware] | None = None
        self.last: Hardware | None = None
        """The last reading, however old."""
        self._disks = {"weights": paths.hub_cache, "jobs": paths.jobs, "state": paths.state}

    async def read(self) -> Hardware:
        """As it is now; who asks while it is being read shares the answer."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def lately(self) -> Hardware:
        """A reading that is seconds old at most; an older one while the driver does not answer."""
        last = self.last
        if last is not None and time.time() - last.measured_at < FRESH_S:
            return last
        try:
            async with asyncio.timeout(PATIENCE_S if last else None):
                return await self.read()
        except TimeoutError:
            return last or await self.read()

    async def _read(self) -> Hardware:
        loop = asyncio.get_running_loop()
        try:
            self.last = await loop.run_in_executor(self._prober, self._probe.read, self._disks)
            return self.last
        finally:
            self._reading = None

    async def best_plan(
        self, recipe: Recipe, weights: WeightsStatus, params: Params, others: Sequence[Recipe]
    ) -> Plan:
        """For the device that suits it best. Raises DoesNotFit naming one of `others` that fits."""
        hardware = await self.read()
        return plan(recipe, weights, hardware, video=params, loras=params.loras, others=others)

    def close(self) -> None:
        self._prober.shutdown(wait=False, cancel_futures=True)
        self._probe.close()
