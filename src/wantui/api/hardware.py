"""What NVML and psutil say of the machine. All sizes in bytes."""

from __future__ import annotations

from wantui.api.base import Reply


class Gpu(Reply):
    """One NVIDIA device. A reading that the driver refuses is None."""

    uuid: str
    index: int
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    compute_capability: str | None
    utilization_percent: float | None
    temperature_c: float | None
    power_w: float | None
    power_limit_w: float | None


class Cpu(Reply):
    name: str
    cores: int
    """Logical processors that this process may use."""
    utilization_percent: float


class Memory(Reply):
    total_bytes: int
    available_bytes: int


class Disk(Reply):
    """Free space where something of ours lives."""

    role: str
    """`weights`, `jobs` or `state`."""
    path: str
    total_bytes: int
    free_bytes: int


class Hardware(Reply):
    gpus: tuple[Gpu, ...]
    driver: str | None
    """The NVIDIA driver's version."""
    gpu_reason: str | None
    """Why no GPU is listed, when none is."""
    cpu: Cpu
    memory: Memory
    disks: tuple[Disk, ...]
    measured_at: float
