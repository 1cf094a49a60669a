"""NVIDIA's management library: the seam, and the real thing behind it.

Source: https://docs.nvidia.com/deploy/nvml-api. The library comes with the driver, so that it may
be missing, be of another version than the kernel's module, or lose a device while we run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

import pynvml

P = ParamSpec("P")
R = TypeVar("R")


class NvmlError(Exception):
    """The library refused; its message is for people."""


class DeviceMemory(NamedTuple):
    """Bytes."""

    total: int
    used: int


class Holder(NamedTuple):
    """A process with memory of the device, as the driver numbers it."""

    pid: int
    bytes: int | None
    """None where the driver does not tell."""


class Clocks(NamedTuple):
    """Megahertz."""

    now: int
    most: int
    """Of the multiprocessors, as `now` is."""
    memory: int


class Link(NamedTuple):
    """PCIe, by generation and lanes."""

    generation: int
    lanes: int
    max_generation: int
    max_lanes: int


class NvmlDevice(Protocol):
    """One GPU. Each reading raises NvmlError where this device does not tell."""

    def uuid(self) -> str: ...

    def name(self) -> str: ...

    def memory(self) -> DeviceMemory: ...

    def compute_capability(self) -> tuple[int, int]: ...

    def mig_enabled(self) -> bool: ...

    def utilization_percent(self) -> float: ...

    def temperature_c(self) -> float: ...

    def power_w(self) -> float: ...

    def power_limit_w(self) -> float: ...

    def clocks(self) -> Clocks: ...

    def link(self) -> Link: ...

    def ecc(self) -> bool: ...

    def holders(self) -> Sequence[Holder]: ...


class Nvml(Protocol):
    """The library. Everything raises NvmlError."""

    def open(self) -> None: ...

    def close(self) -> None: ...

    def driver(self) -> str: ...

    def devices(self) -> Sequence[NvmlDevice]:
        """In PCI order; a device that the driver lost is in it, and refuses its readings."""
        ...


def _call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return function(*args, **kwargs)
    except (pynvml.NVMLError, UnicodeDecodeError) as error:  # a dying driver answers noise
        raise NvmlError(str(error)) from error


class DriverNvml:
    """NVML as the driver ships it, through nvidia-ml-py."""

    def open(self) -> None:
        _call(pynvml.nvmlInit)

    def close(self) -> None:
        _call(pynvml.nvmlShutdown)

    def driver(self) -> str:
        return str(_call(pynvml.nvmlSystemGetDriverVersion))

    def devices(self) -> Sequence[NvmlDevice]:
        return [_DriverDevice(index) for index in range(_call(pynvml.nvmlDeviceGetCount))]


class _DriverDevice:
    def __init__(self, index: int) -> None:
        self._index = index

    def uuid(self) -> str:
        return str(_call(pynvml.nvmlDeviceGetUUID, self._handle))

    def name(self) -> str:
        return str(_call(pynvml.nvmlDeviceGetName, self._handle))

    def memory(self) -> DeviceMemory:
        info = _call(pynvml.nvmlDeviceGetMemoryInfo, self._handle)
        return DeviceMemory(int(info.total), int(info.used))

    def compute_capability(self) -> tuple[int, int]:
        major, minor = _call(pynvml.nvmlDeviceGetCudaComputeCapability, self._handle)
        return int(major), int(minor)

    def mig_enabled(self) -> bool:
        current, _pending = _call(pynvml.nvmlDeviceGetMigMode, self._handle)
        return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)

    def utilization_percent(self) -> float:
        return float(_call(pynvml.nvmlDeviceGetUtilizationRates, self._handle).gpu)

    def temperature_c(self) -> float:
        sensor = pynvml.NVML_TEMPERATURE_GPU
        return float(_call(pynvml.nvmlDeviceGetTemperature, self._handle, sensor))

    def power_w(self) -> float:
        return float(_call(pynvml.nvmlDeviceGetPowerUsage, self._handle)) / 1000

    def power_limit_w(self) -> float:
        return float(_call(pynvml.nvmlDeviceGetEnforcedPowerLimit, self._handle)) / 1000

    def clocks(self) -> Clocks:
        of_sm, of_memory = pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM
        return Clocks(
            int(_call(pynvml.nvmlDeviceGetClockInfo, self._handle, of_sm)),
            int(_call(pynvml.nvmlDeviceGetMaxClockInfo, self._handle, of_sm)),
            int(_call(pynvml.nvmlDeviceGetClockInfo, self._handle, of_memory)),
        )

    def link(self) -> Link:
        return Link(
            int(_call(pynvml.nvmlDeviceGetCurrPcieLinkGeneration, self._handle)),
            int(_call(pynvml.nvmlDeviceGetCurrPcieLinkWidth, self._handle)),
            int(_call(pynvml.nvmlDeviceGetMaxPcieLinkGeneration, self._handle)),
            int(_call(pynvml.nvmlDeviceGetMaxPcieLinkWidth, self._handle)),
        )

    def ecc(self) -> bool:
        current, _pending = _call(pynvml.nvmlDeviceGetEccMode, self._handle)
        return bool(current == pynvml.NVML_FEATURE_ENABLED)

    def holders(self) -> Sequence[Holder]:
        """A process that computes and draws is told twice, with the same bytes."""
        computing = _call(pynvml.nvmlDeviceGetComputeRunningProcesses, self._handle)
        drawing = _call(pynvml.nvmlDeviceGetGraphicsRunningProcesses, self._handle)
        told = {int(each.pid): each.usedGpuMemory for each in (*drawing, *computing)}
        return [Holder(pid, None if used is None else int(used)) for pid, used in told.items()]

    @property
    def _handle(self) -> object:
        return _call(pynvml.nvmlDeviceGetHandleByIndex, self._index)
