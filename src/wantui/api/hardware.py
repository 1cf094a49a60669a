"""What the machine is and how it does: NVML's, psutil's, the kernel's and the engine's readings.

All sizes in bytes, all rates in bytes a second. What a driver or a kernel does not tell is None.
"""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply


class DeviceClass(StrEnum):
    """What computes, by the interface that torch reaches it through."""

    CUDA = "cuda"
    ROCM = "rocm"
    MPS = "mps"
    CPU = "cpu"


class MemoryHolder(Reply):
    """A process that has memory of a GPU."""

    pid: int
    name: str
    """As the kernel calls it; empty where its process is another container's or user's."""
    bytes: int | None
    """None where the driver does not tell."""


class PcieLink(Reply):
    """A GPU's way to host memory. It trains down while the GPU idles: only `max_*` is a promise."""

    generation: int | None
    lanes: int | None
    max_generation: int | None
    """Of this GPU in this slot."""
    max_lanes: int | None


class Gpu(Reply):
    """One NVIDIA device. A reading that the driver refuses is None."""

    uuid: str
    index: int
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    holders: tuple[MemoryHolder, ...] = ()
    """The largest first. The driver itself holds what they do not add up to."""
    compute_capability: str | None
    utilization_percent: float | None
    temperature_c: float | None
    power_w: float | None
    power_limit_w: float | None
    clock_mhz: int | None = None
    """Of the multiprocessors, now."""
    clock_max_mhz: int | None = None
    memory_clock_mhz: int | None = None
    pcie: PcieLink | None = None
    ecc: bool | None = None
    """Whether its memory corrects errors, for which some GPUs give a sixteenth of it."""


class Cpu(Reply):
    name: str
    cores: int
    """Logical processors that this process may use."""
    physical_cores: int | None = None
    """Of the machine."""
    extensions: tuple[str, ...] = ()
    """Of those that torch has kernels for: avx2, avx512f, avx512_bf16, amx_tile, asimd, bf16 ..."""
    utilization_percent: float


class Memory(Reply):
    total_bytes: int
    """What this process may use: the machine's, or less where a control group caps it."""
    available_bytes: int
    machine_bytes: int | None = None
    """What the machine has."""
    limit: str | None = None
    """What caps it: `cgroup v1` or `cgroup v2`."""
    swap_total_bytes: int = 0
    swap_used_bytes: int = 0


class Disk(Reply):
    """Free space where something of ours lives."""

    role: str
    """`weights`, `jobs` or `state`."""
    path: str
    total_bytes: int
    free_bytes: int
    read_bytes_per_second: float | None = None
    """As measured past the page cache; None until somebody asked for it."""


class Folder(Reply):
    """What one of our folders takes of its disk."""

    role: str
    """`hub`, `converted`, `embeddings`, `adapters` or `jobs`."""
    path: str
    bytes: int | None
    """None where it cannot be counted."""


class EngineDevice(Reply):
    """A device as torch sees it."""

    kind: DeviceClass
    name: str
    memory_total_bytes: int | None = None
    compute_capability: str | None = None


class AttentionBackend(Reply):
    """A way to compute attention, by diffusers' name for it."""

    name: str
    available: bool
    """Whether it gave numbers here when it was tried."""
    reason: str = ""
    """Why not."""
    relative_error: float | None = None
    """Against fp32 on the same numbers: of the norms of the difference and of the result."""
    operations_per_second: float | None = None
    """On a GPU, of a long attention in bf16."""


class BuiltComponent(Reply):
    """A component of a model, built without memory from its configuration."""

    model: str
    component: str
    class_name: str
    parameter_count: int | None
    expected_count: int | None
    """The catalog's."""
    error: str | None = None


class EngineFacts(Reply):
    """What only the engine knows of this machine: probed once an environment and driver."""

    torch: str | None
    """Its version and build: 2.13.0+cpu."""
    cuda: str | None = None
    """That torch was built for."""
    hip: str | None = None
    cudnn: str | None = None
    devices: tuple[EngineDevice, ...] = ()
    attention: tuple[AttentionBackend, ...] = ()
    components: tuple[BuiltComponent, ...] = ()
    error: str | None = None
    """Why nothing is known: the engine is not installed, or does not import."""
    probed_at: float = 0.0


class ProfileMatch(Reply):
    """The profile that this machine is planned by, and why that one."""

    name: str
    summary: str
    why: str
    """In one sentence."""
    own: bool = False
    """Whether it is the user's."""
    expected_flops: float
    """Operations a second that a transformer's forward is expected to come to."""
    memory_bytes_per_second: float
    """Of the device."""
    host_to_device_bytes_per_second: float
    disk_read_bytes_per_second: float
    memory_reserve_bytes: int
    """Of the device, what plans leave free."""


class ProfileText(Reply):
    """A machine as a profile."""

    name: str
    toml: str


class Hardware(Reply):
    gpus: tuple[Gpu, ...]
    driver: str | None
    """The NVIDIA driver's version."""
    gpu_reason: str | None
    """Why no GPU is listed, when none is."""
    gpu_notes: tuple[str, ...] = ()
    """GPUs that are there and not listed, each with the reason."""
    cpu: Cpu
    memory: Memory
    disks: tuple[Disk, ...]
    folders: tuple[Folder, ...] = ()
    """Empty until they were counted."""
    engine: EngineFacts | None = None
    """None until it was asked."""
    profile: ProfileMatch | None = None
    measured_at: float

    @property
    def accelerators(self) -> tuple[EngineDevice, ...]:
        """Devices that only the engine knows: AMD's and Apple's."""
        known = self.engine.devices if self.engine else ()
        return tuple(one for one in known if one.kind in (DeviceClass.ROCM, DeviceClass.MPS))
