"""One look at the machine: GPUs, processor, memory, disks. Takes milliseconds, never raises.

A driver that hangs is waited for once; after that the machine has no GPUs, and a reason.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil

from wantui.api.hardware import Disk, Gpu, Hardware, MemoryHolder, PcieLink
from wantui.files import disk_of
from wantui.hardware.cpu import CpuMeter
from wantui.hardware.memory import read_memory
from wantui.hardware.nvml import DriverNvml, Nvml, NvmlDevice, NvmlError
from wantui.hardware.patience import Patience
from wantui.hardware.visible import absence, hidden_by, visible
from wantui.text import one_line

T = TypeVar("T")
LONGEST_NAME = 40
NO_DEVICES = "the NVIDIA driver lists no devices"
SILENT = "the NVIDIA driver has not answered for {:g} s: it hangs"
DRIVER_S = 45.0
"""How long a driver may take: without its persistence daemon it wakes eight GPUs in half of it."""


class _Found(NamedTuple):
    """What the management library tells."""

    driver: str | None = None
    gpus: tuple[Gpu, ...] = ()
    reason: str | None = None
    """Why there are no GPUs when there are none."""
    notes: tuple[str, ...] = ()
    """Why others are not among them."""


class Probe:
    """Holds the management library open between looks; `read` may be called from any thread."""

    def __init__(
        self,
        nvml: Nvml | None = None,
        root: Path = Path("/"),
        environment: Mapping[str, str] = os.environ,
        driver_s: float = DRIVER_S,
    ) -> None:
        self._nvml: Nvml = DriverNvml() if nvml is None else nvml
        self._root = root
        self._environment = environment
        self._open = False
        self._cpu = CpuMeter()
        self._lock = threading.Lock()
        self._driver_s = driver_s
        self._driver = Patience(self._gpus, driver_s)

    def read(self, disks: Mapping[str, Path]) -> Hardware:
        """`disks` maps a role to a path of ours; it need not exist yet."""
        with self._lock:
            found = self._driver.ask() or _Found(reason=SILENT.format(self._driver_s))
            return Hardware(
                gpus=found.gpus,
                driver=found.driver,
                gpu_reason=found.reason,
                gpu_notes=found.notes,
                cpu=self._cpu.read(),
                memory=read_memory(self._root),
                disks=tuple(
                    disk for role, path in disks.items() if (disk := _disk(role, path)) is not None
                ),
                measured_at=time.time(),
            )

    def close(self) -> None:
        """A session with a driver that hangs stays as it is."""
        with self._lock:
            if not self._driver.waits:
                self._shut()

    def _gpus(self) -> _Found:
        try:
            if not self._open:
                self._nvml.open()
                self._open = True
            driver = one_line(self._nvml.driver())
            devices = self._nvml.devices()
        except NvmlError as error:
            self._shut()  # a driver that was loaded anew needs a new session
            reason = absence(one_line(str(error)), self._environment, self._root)
            return _Found(reason=reason)
        gpus: list[Gpu] = []
        notes: list[str] = []
        shown = visible([_told(device.uuid) or "" for device in devices], self._environment)
        for index, device in enumerate(devices):
            try:
                gpus.append(_gpu(index, device, shown, hidden_by(self._environment)))
            except NvmlError as error:
                notes.append(f"GPU {index}: {one_line(str(error))}")
        if gpus:
            return _Found(driver, tuple(gpus), None, tuple(notes))
        if notes:
            self._shut()  # what the driver lost may be back in a new session
        return _Found(driver, (), "; ".join(notes) or NO_DEVICES)

    def _shut(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(NvmlError):
                self._nvml.close()


def _gpu(index: int, device: NvmlDevice, shown: Collection[str], hidden: str) -> Gpu:
    """Raises NvmlError if it cannot be told apart or sized, is hidden, or is split by MIG."""
    name, uuid = one_line(device.name()), device.uuid()
    if uuid not in shown:
        raise NvmlError(f"{name} is {hidden}")
    if _told(device.mig_enabled):
        raise NvmlError(f"{name} is split by MIG, which wantui does not use yet")
    memory = device.memory()
    capability, clocks, link = _told(device.compute_capability), _told(device.clocks), _link(device)
    return Gpu(
        uuid=uuid,
        index=index,
        name=name,
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.used,
        holders=_holders(device),
        compute_capability=f"{capability[0]}.{capability[1]}" if capability else None,
        utilization_percent=_told(device.utilization_percent),
        temperature_c=_told(device.temperature_c),
        power_w=_told(device.power_w),
        power_limit_w=_told(device.power_limit_w),
        clock_mhz=clocks.now if clocks else None,
        clock_max_mhz=clocks.most if clocks else None,
        memory_clock_mhz=clocks.memory if clocks else None,
        pcie=link,
        ecc=_told(device.ecc),
    )


def _link(device: NvmlDevice) -> PcieLink | None:
    link = _told(device.link)
    return link and PcieLink(**link._asdict())


def _holders(device: NvmlDevice) -> tuple[MemoryHolder, ...]:
    """A process that has gone, or that is of another container, has a number and no name."""
    found = (
        MemoryHolder(pid=holder.pid, name=_process_name(holder.pid), bytes=holder.bytes)
        for holder in _told(device.holders) or ()
    )
    return tuple(sorted(found, key=lambda holder: (-(holder.bytes or 0), holder.pid)))


def _process_name(pid: int) -> str:
    try:
        return one_line(psutil.Process(pid).name(), LONGEST_NAME)
    except (psutil.Error, ValueError, OverflowError):
        return ""


def _told(reading: Callable[[], T]) -> T | None:
    try:
        return reading()
    except NvmlError:
        return None


def _disk(role: str, path: Path) -> Disk | None:
    """None if nothing of it can be read."""
    path = path.absolute()
    told = disk_of(path)
    return (
        Disk(role=role, path=str(path), total_bytes=told[0], free_bytes=told[1]) if told else None
    )
