"""What was read of a machine, in a profile's fields: it goes over what is usual. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from wantui.api.hardware import Cpu, DeviceClass, EngineDevice, Gpu, Hardware, PcieLink
from wantui.errors import DoesNotFit
from wantui.hardware.profile import Dtypes, Profile

CPU = "cpu"
LANE_BYTES_PER_SECOND = {1: 0.25e9, 2: 0.5e9, 3: 0.985e9, 4: 1.969e9, 5: 3.938e9, 6: 7.563e9}
"""Of one PCIe lane one way, by generation, after encoding. Source: PCI-SIG, the base
specifications: transfers a second times 8/10 (1, 2), 128/130 (3 to 5) and 242/256 (6)."""
LINK_SHARE = 0.8
"""Of that, what copies from pinned memory come to: about 25 GB/s over 16 lanes of generation 4.
Not measured by us."""
TENSOR_FLOAT16, TENSOR_BFLOAT16, TENSOR_FLOAT8 = (7, 0), (8, 0), (8, 9)
"""Compute capabilities from which matrix units take a format. Source: CUDA C++ Programming Guide,
the table of technical specifications by compute capability."""


class Subject(NamedTuple):
    """The device that a profile is looked for."""

    id: str
    kind: DeviceClass
    name: str
    memory_bytes: int
    gpu: Gpu | None = None

    @property
    def kinds(self) -> tuple[DeviceClass, ...]:
        """Whose classes it may be planned by: AMD's cards by memory are as NVIDIA's."""
        if self.kind is DeviceClass.ROCM:
            return DeviceClass.ROCM, DeviceClass.CUDA
        return (self.kind,)


def subject_of(hardware: Hardware, device: str | None = None) -> Subject:
    """One device of a machine; by default that with the most memory, the CPU where there is none.

    Raises DoesNotFit if there is no device of that name.
    """
    subjects = list(_subjects(hardware))
    if device is None:
        return max(subjects[:-1] or subjects, key=lambda subject: subject.memory_bytes)
    for subject in subjects:
        if subject.id == device:
            return subject
    raise DoesNotFit(f"this machine has no device {device}", hint="see: wantui hw")


def readings_of(profile: Profile, subject: Subject, hardware: Hardware) -> Mapping[str, object]:
    """Fields of a profile that this machine tells itself."""
    known: dict[str, object] = {
        "memory_total_bytes": subject.memory_bytes,
        "host_memory_bytes": hardware.memory.total_bytes,
        "cores": hardware.cpu.cores,
    }
    for disk in hardware.disks:
        if disk.role == "weights" and disk.read_bytes_per_second:
            known["disk_read_bytes_per_second"] = disk.read_bytes_per_second
    if subject.kind is DeviceClass.CPU:
        known["bf16_flops"] = profile.bf16_flops * _physical(hardware.cpu) / (profile.cores / 2)
    if subject.gpu is not None:
        known |= _gpu_readings(subject.gpu)
    return known


def _physical(cpu: Cpu) -> float:
    """Cores that compute: two logical ones share what multiplies, where nothing else is known."""
    return min(cpu.cores, cpu.physical_cores or cpu.cores / 2)


def _gpu_readings(gpu: Gpu) -> dict[str, object]:
    known: dict[str, object] = {}
    if rate := link_rate(gpu.pcie):
        known["host_to_device_bytes_per_second"] = rate
    if gpu.compute_capability:
        major, _, minor = gpu.compute_capability.partition(".")
        capability = int(major), int(minor)
        known["dtypes"] = Dtypes(
            bf16=capability >= TENSOR_BFLOAT16,
            fp16=capability >= TENSOR_FLOAT16,
            fp8=capability >= TENSOR_FLOAT8,
        )
    return known


def link_rate(link: PcieLink | None) -> float | None:
    """Bytes a second from pinned memory over the link as it trains under load."""
    if link is None or not link.max_lanes or link.max_generation not in LANE_BYTES_PER_SECOND:
        return None
    return LANE_BYTES_PER_SECOND[link.max_generation] * link.max_lanes * LINK_SHARE


def _subjects(hardware: Hardware) -> Iterator[Subject]:
    """Every device, the CPU last."""
    for gpu in hardware.gpus:
        yield Subject(gpu.uuid, DeviceClass.CUDA, gpu.name, gpu.memory_total_bytes, gpu)
    for device in hardware.accelerators:
        yield _accelerator(device, hardware)
    yield Subject(CPU, DeviceClass.CPU, hardware.cpu.name, hardware.memory.total_bytes)


def _accelerator(device: EngineDevice, hardware: Hardware) -> Subject:
    """Apple's have the machine's memory."""
    memory = device.memory_total_bytes or hardware.memory.total_bytes
    return Subject(device.name, device.kind, device.name, memory)
