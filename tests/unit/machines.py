"""Synthetic machines: a management library that tells of GPUs that nobody has."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from wantui.api.hardware import Cpu, Gpu, Hardware, Memory
from wantui.hardware.nvml import Clocks, DeviceMemory, Holder, Link, NvmlDevice, NvmlError

T = TypeVar("T")
GIB = 1 << 30
IDLE_CLOCKS = Clocks(345, 1980, 2619)
IDLE_LINK = Link(1, 16, 5, 16)


def told(value: T | None) -> T:
    if value is None:
        raise NvmlError("Not Supported")
    return value


@dataclass
class MadeDevice:
    """A GPU; a reading that is None is refused."""

    told_uuid: str | None = "GPU-1"
    told_name: str | None = "NVIDIA H100"
    told_memory: tuple[int, int] | None = (80 * GIB, 1 * GIB)
    told_capability: tuple[int, int] | None = (9, 0)
    told_mig: bool | None = False
    told_utilization: float | None = 12.0
    told_temperature: float | None = 40.0
    told_power: float | None = 70.5
    told_power_limit: float | None = 700.0
    told_clocks: Clocks | None = IDLE_CLOCKS
    told_link: Link | None = IDLE_LINK
    told_ecc: bool | None = True
    told_holders: Sequence[Holder] | None = ()

    def uuid(self) -> str:
        return told(self.told_uuid)

    def name(self) -> str:
        return told(self.told_name)

    def memory(self) -> DeviceMemory:
        return DeviceMemory(*told(self.told_memory))

    def compute_capability(self) -> tuple[int, int]:
        return told(self.told_capability)

    def mig_enabled(self) -> bool:
        return told(self.told_mig)

    def utilization_percent(self) -> float:
        return told(self.told_utilization)

    def temperature_c(self) -> float:
        return told(self.told_temperature)

    def power_w(self) -> float:
        return told(self.told_power)

    def power_limit_w(self) -> float:
        return told(self.told_power_limit)

    def clocks(self) -> Clocks:
        return told(self.told_clocks)

    def link(self) -> Link:
        return told(self.told_link)

    def ecc(self) -> bool:
        return told(self.told_ecc)

    def holders(self) -> Sequence[Holder]:
        return told(self.told_holders)


@dataclass
class MadeNvml:
    """The library of a machine; `failure` is what every call to it answers."""

    made: Sequence[NvmlDevice] = ()
    failure: str | None = None
    opened: int = 0
    closed: int = 0
    looked: int = 0
    """How often its devices were listed."""
    hangs: threading.Event | None = None
    """While it is not set the listing of devices does not come back."""
    sessions: int = field(default=0, init=False)

    def open(self) -> None:
        self._answer()
        self.opened += 1
        self.sessions += 1

    def close(self) -> None:
        self.closed += 1
        self.sessions -= 1
        self._answer()

    def driver(self) -> str:
        self._answer()
        return "580.1"

    def devices(self) -> Sequence[NvmlDevice]:
        self._answer()
        assert self.sessions == 1
        self.looked += 1
        if self.hangs is not None:
            self.hangs.wait()
        return self.made

    def _answer(self) -> None:
        if self.failure is not None:
            raise NvmlError(self.failure)


def gpu(
    total_bytes: int, uuid: str = "GPU-1", capability: str | None = "9.0", used_bytes: int = 0
) -> Gpu:
    return Gpu(
        uuid=uuid,
        index=0,
        name=f"NVIDIA {uuid}",
        memory_total_bytes=total_bytes,
        memory_used_bytes=used_bytes,
        compute_capability=capability,
        utilization_percent=None,
        temperature_c=None,
        power_w=None,
        power_limit_w=None,
    )


def machine(*gpus: Gpu, ram_bytes: int = 256 * GIB, available_bytes: int | None = None) -> Hardware:
    return Hardware(
        gpus=gpus,
        driver="580.1" if gpus else None,
        gpu_reason=None if gpus else "none",
        cpu=Cpu(name="A CPU", cores=8, utilization_percent=0.0),
        memory=Memory(
            total_bytes=ram_bytes,
            available_bytes=ram_bytes if available_bytes is None else available_bytes,
        ),
        disks=(),
        measured_at=0.0,
    )
