"""The machine as the daemon asks about it: read off the loop, planned for by `hardware`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from wantui.api.hardware import Hardware
from wantui.hardware.probe import Probe
from wantui.paths import Paths


class Machine:
    def __init__(self, paths: Paths) -> None:
        self._probe = Probe()
        self._prober = ThreadPoolExecutor(1, "probe")
        """A driver that hangs holds up this, and nothing else."""
        self._reading: asyncio.Task[Hardware] | None = None
        self._disks = {"weights": paths.hub_cache, "jobs": paths.jobs, "state": paths.state}

    async def read(self) -> Hardware:
        """As it is now; who asks while it is being read shares the answer."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> Hardware:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._prober, self._probe.read, self._disks)
        finally:
            self._reading = None

    def close(self) -> None:
        self._prober.shutdown(wait=False, cancel_futures=True)
        self._probe.close()
