"""Machines that nobody has, from `tests/machines`: data sheets in place of readings.

Each is a management library to probe (`nvml`) and what a probe of it comes to (`hardware`).
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tests.unit.machines import MadeDevice, MadeNvml
from wantui.api.hardware import (
    Cpu,
    DeviceClass,
    EngineDevice,
    EngineFacts,
    Gpu,
    Hardware,
    Memory,
    PcieLink,
)
from wantui.hardware.nvml import Clocks, Link

FOLDER = Path(__file__).parent / "machines"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
MIB, GIB = 1 << 20, 1 << 30
IDLE_BYTES = 500 * MIB
"""Used on a GPU that nobody uses."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SyntheticGpu(_Entry):
    name: str
    memory_total_mib: int
    compute_capability: str
    pcie_max_generation: int
    pcie_max_lanes: int
    power_limit_w: float
    clock_max_mhz: int
    ecc: bool | None = None


class SyntheticCpu(_Entry):
    name: str
    cores: int
    physical_cores: int
    extensions: tuple[str, ...]


class SyntheticMemory(_Entry):
    total_gib: int


class SyntheticEngineDevice(_Entry):
    kind: DeviceClass
    name: str
    memory_total_gib: int


class Synthetic(_Entry):
    summary: str
    profile: str
    """Name of the shipped one that it is to be planned by."""
    synthetic: bool
    gpu_reason: str | None = None
    cpu: SyntheticCpu
    memory: SyntheticMemory
    gpus: tuple[SyntheticGpu, ...] = ()
    engine_devices: tuple[SyntheticEngineDevice, ...] = ()
    sources: dict[str, str]
    """Where the numbers of a table are from."""

    def nvml(self) -> MadeNvml:
        """The driver's library as it would answer there."""
        if not self.gpus:
            return MadeNvml(failure="NVML Shared Library Not Found")
        return MadeNvml([_device(index, gpu) for index, gpu in enumerate(self.gpus)])

    @property
    def hardware(self) -> Hardware:
        total = self.memory.total_gib * GIB
        return Hardware(
            gpus=tuple(_gpu(index, gpu) for index, gpu in enumerate(self.gpus)),
            driver="580.1" if self.gpus else None,
            gpu_reason=self.gpu_reason,
            cpu=Cpu(**self.cpu.model_dump(), utilization_percent=0.0),
            memory=Memory(total_bytes=total, available_bytes=total, machine_bytes=total),
            disks=(),
            engine=self._engine(),
            measured_at=0.0,
        )

    def _engine(self) -> EngineFacts | None:
        if not self.engine_devices:
            return None
        devices = (
            EngineDevice(
                kind=device.kind,
                name=device.name,
                memory_total_bytes=device.memory_total_gib * GIB,
            )
            for device in self.engine_devices
        )
        return EngineFacts(torch="2.13.0", devices=tuple(devices))


def synthetic(name: str) -> Synthetic:
    """One of `NAMES`."""
    return Synthetic.model_validate(tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8")))


def _device(index: int, gpu: SyntheticGpu) -> MadeDevice:
    major, _, minor = gpu.compute_capability.partition(".")
    lanes = gpu.pcie_max_lanes
    return MadeDevice(
        told_uuid=f"GPU-{index}",
        told_name=gpu.name,
        told_memory=(gpu.memory_total_mib * MIB, IDLE_BYTES),
        told_capability=(int(major), int(minor)),
        told_power_limit=gpu.power_limit_w,
        told_clocks=Clocks(210, gpu.clock_max_mhz, 405),
        told_link=Link(1, lanes, gpu.pcie_max_generation, lanes),
        told_ecc=gpu.ecc,
    )


def _gpu(index: int, gpu: SyntheticGpu) -> Gpu:
    return Gpu(
        uuid=f"GPU-{index}",
        index=index,
        name=gpu.name,
        memory_total_bytes=gpu.memory_total_mib * MIB,
        memory_used_bytes=IDLE_BYTES,
        compute_capability=gpu.compute_capability,
        utilization_percent=0.0,
        temperature_c=35.0,
        power_w=gpu.power_limit_w / 10,
        power_limit_w=gpu.power_limit_w,
        clock_max_mhz=gpu.clock_max_mhz,
        pcie=PcieLink(
            generation=1,
            lanes=gpu.pcie_max_lanes,
            max_generation=gpu.pcie_max_generation,
            max_lanes=gpu.pcie_max_lanes,
        ),
        ecc=gpu.ecc,
    )
