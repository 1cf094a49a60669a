"""The machine as the daemon asks about it: read off the loop, planned for by `hardware`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wantui.api.hardware import Folder, Hardware, ProfileMatch
from wantui.catalog.recipe import Recipe
from wantui.daemon.findings import Findings
from wantui.hardware.folders import folder_bytes
from wantui.hardware.probe import Probe
from wantui.hardware.profiles import Matched, Profiles
from wantui.paths import Paths, demo_weights, shipped_config
from wantui.settings import HardwareSettings

FRESH_S = 5.0
"""How old a reading may be for whoever asks every few seconds."""
PATIENCE_S = 1.0
"""How long they wait for a new one."""
ENGINE_LOG = "engine.log"
"""What the engine says on its way, when it is asked."""
COUNTED_AGAIN_S = 60.0
"""How long the sizes of folders are believed."""


class Machine:
    """`findings` is what was found out once; `probe` reads what changes."""

    def __init__(
        self, paths: Paths, profiles: Profiles, findings: Findings, probe: Probe | None = None
    ) -> None:
        self.profiles = profiles
        self._findings = findings
        self._probe = Probe() if probe is None else probe
        self._prober = ThreadPoolExecutor(1, "probe")
        """A driver that hangs holds up this, and nothing else."""
        self._counter = ThreadPoolExecutor(1, "count")
        """A disk that hangs holds up this."""
        self._reading: asyncio.Task[Hardware] | None = None
        self.last: Hardware | None = None
        """The last reading, however old."""
        self._fullest: Hardware | None = None
        """The last that named as many GPUs as any."""
        self._disks = _disks_of(paths)
        self._folders = _folders_of(paths)
        self._counted: tuple[Folder, ...] = ()
        self._counted_at = float("-inf")

    async def read(self) -> Hardware:
        """As it is now; who asks while it is being read shares the answer."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def whole(self) -> Hardware:
        """As it is now, or as it was while the driver named every GPU: what it lost may come back,
        and no job runs elsewhere before the daemon starts anew.
        """
        now, fullest = await self.read(), self._fullest
        return now if fullest is None or len(now.gpus) >= len(fullest.gpus) else fullest

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

    async def find_out(self, *, anew: bool = False, ask_engine: bool = True) -> Hardware:
        """With all that is found out once, and the sizes of our folders.

        The engine is not asked where it would take memory from a job.
        """
        driver = (await self.read()).driver
        await self._findings.find(driver, anew=anew, ask=ask_engine)
        await self.count_folders()
        return await self.read()

    async def ask_engine(self) -> None:
        """Unless its answer is known: what it says of the machine is in every reading then."""
        driver = (await self.read()).driver
        await self._findings.find(driver, measure=False)

    async def compiles_not(self, problem: str) -> None:
        """A job has shown that the engine compiles nothing here: it is told so from now on."""
        self._findings.compiles_not((await self.read()).driver, problem)

    async def count_folders(self) -> None:
        """Unless that was just done."""
        if time.monotonic() - self._counted_at >= COUNTED_AGAIN_S:
            self._counted_at = time.monotonic()
            loop = asyncio.get_running_loop()
            self._counted = await loop.run_in_executor(self._counter, _count, self._folders)

    def matched(self, hardware: Hardware, device: str | None = None) -> Matched:
        """The profile of one device. Raises DoesNotFit if there is no such device."""
        return self.profiles.match(hardware, device)

    async def _read(self) -> Hardware:
        loop = asyncio.get_running_loop()
        try:
            self.last = last = await loop.run_in_executor(self._prober, self._look)
            if self._fullest is None or len(last.gpus) >= len(self._fullest.gpus):
                self._fullest = last
            return last
        finally:
            self._reading = None

    def _look(self) -> Hardware:
        read = self._probe.read(self._disks)
        disks = (
            disk.model_copy(update={"read_bytes_per_second": self._findings.rate(disk.role)})
            for disk in read.disks
        )
        update = {
            "disks": tuple(disks),
            "folders": self._counted,
            "engine": self._findings.engine(read.driver),
        }
        known = read.model_copy(update=update)
        return known.model_copy(update={"profile": _told(self.profiles.match(known))})

    async def close(self) -> None:
        await self._findings.stop()
        self._counter.shutdown(wait=False, cancel_futures=True)
        self._prober.shutdown(wait=False, cancel_futures=True)
        self._probe.close()


def machine_of(
    paths: Paths,
    settings: HardwareSettings,
    recipes: Sequence[Recipe],
    keeps_in: Path | None = None,
) -> Machine:
    """The real one; what is found out is kept among the state, or in a folder that is given.

    Raises SettingsInvalid for a profile of the user's that is wrong.
    """
    profiles = Profiles.load(shipped_config() / "profiles", paths.profiles, settings.profile)
    log_file = (keeps_in or paths.logs) / ENGINE_LOG
    file = paths.findings if keeps_in is None else keeps_in / paths.findings.name
    findings = Findings(file, log_file, recipes, demo_weights(), _disks_of(paths))
    return Machine(paths, profiles, findings)


def _disks_of(paths: Paths) -> Mapping[str, Path]:
    """Folders on whose disks there has to be room, by what they are for."""
    return {"weights": paths.hub_cache, "jobs": paths.jobs, "state": paths.state}


def _folders_of(paths: Paths) -> Mapping[str, Path]:
    return {
        "hub": paths.hub_cache,
        "converted": paths.converted,
        "embeddings": paths.embeddings,
        "adapters": paths.adapters,
        "jobs": paths.jobs,
    }


def _count(folders: Mapping[str, Path]) -> tuple[Folder, ...]:
    return tuple(
        Folder(role=role, path=str(path), bytes=folder_bytes(path))
        for role, path in folders.items()
    )


def _told(matched: Matched) -> ProfileMatch:
    profile = matched.profile
    return ProfileMatch(
        name=profile.name,
        summary=profile.summary,
        why=matched.why,
        own=matched.own,
        expected_flops=profile.expected_flops,
        memory_bytes_per_second=profile.memory_bytes_per_second,
        host_to_device_bytes_per_second=profile.host_to_device_bytes_per_second,
        disk_read_bytes_per_second=profile.disk_read_bytes_per_second,
        memory_reserve_bytes=profile.memory_reserve_bytes,
    )
