"""One look at the machine: GPUs, processor, memory, disks. Takes milliseconds, never raises."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from wantui.api.hardware import Disk, Gpu, Hardware
from wantui.files import disk_of
from wantui.hardware.cpu import CpuMeter
from wantui.hardware.memory import read_memory
from wantui.hardware.nvml import DriverNvml, Nvml, NvmlDevice, NvmlError
from wantui.text import one_line

T = TypeVar("T")
NO_DEVICES = "the NVIDIA driver lists no devices"


class Probe:
    """Holds the management library open between looks; `read` may be called from any thread."""

    def __init__(self, nvml: Nvml | None = None, root: Path = Path("/")) -> None:
        self._nvml: Nvml = DriverNvml() if nvml is None else nvml
        self._root = root
        self._open = False
        self._cpu = CpuMeter()
        self._lock = threading.Lock()

    def read(self, disks: Mapping[str, Path]) -> Hardware:
        """`disks` maps a role to a path of ours; it need not exist yet."""
        with self._lock:
            driver, gpus, reason = self._gpus()
            return Hardware(
                gpus=gpus,
                driver=driver,
                gpu_reason=reason,
                cpu=self._cpu.read(),
                memory=read_memory(self._root),
                disks=tuple(
                    disk for role, path in disks.items() if (disk := _disk(role, path)) is not None
                ),
                measured_at=time.time(),
            )

    def close(self) -> None:
        with self._lock:
            self._shut()

    def _gpus(self) -> tuple[str | None, tuple[Gpu, ...], str | None]:
        """The driver's version, the GPUs, and why there are none when there are none."""
        try:
            if not self._open:
                self._nvml.open()
                self._open = True
            driver = one_line(self._nvml.driver())
            devices = self._nvml.devices()
        except NvmlError as error:
            self._shut()  # a driver that was loaded anew needs a new session
            return None, (), f"the NVIDIA driver does not answer: {one_line(str(error))}"
        gpus: list[Gpu] = []
        reasons: list[str] = []
        for index, device in enumerate(devices):
            try:
                gpus.append(_gpu(index, device))
            except NvmlError as error:
                reasons.append(f"GPU {index}: {one_line(str(error))}")
        if gpus:
            return driver, tuple(gpus), None
        if reasons:
            self._shut()  # what the driver lost may be back in a new session
        return driver, (), "; ".join(reasons) or NO_DEVICES

    def _shut(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(NvmlError):
                self._nvml.close()


def _gpu(index: int, device: NvmlDevice) -> Gpu:
    """Raises NvmlError if it cannot be told apart or sized, or is split by MIG."""
    name, uuid = one_line(device.name()), device.uuid()
    if _told(device.mig_enabled):
        raise NvmlError(f"{name} is split by MIG, which wantui does not use yet")
    memory = device.memory()
    capability = _told(device.compute_capability)
    return Gpu(
        uuid=uuid,
        index=index,
        name=name,
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.used,
        compute_capability=f"{capability[0]}.{capability[1]}" if capability else None,
        utilization_percent=_told(device.utilization_percent),
        temperature_c=_told(device.temperature_c),
        power_w=_told(device.power_w),
        power_limit_w=_told(device.power_limit_w),
    )


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
