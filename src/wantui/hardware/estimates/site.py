"""One device and its host, as plans are made for them."""

from __future__ import annotations

from dataclasses import dataclass

from wantui.api.hardware import DeviceClass
from wantui.api.plan import DType
from wantui.hardware.profile import Profile

PINNED_SHARE = 0.75
"""Of the host's memory, what weights may hold locked: the rest is the system's and the files'."""


@dataclass(frozen=True)
class Site:
    """What a plan may fill, and the rates it is carried out at."""

    device: str
    """`cpu`, or a GPU's UUID."""
    device_name: str
    profile: Profile
    device_bytes: int
    """Of the device, what a plan is to fill at most."""
    capacity_bytes: int
    """Of the device, what there is: a job is refused only if that does not hold it."""
    host_bytes: int
    """Of host memory, likewise; on a CPU the same as the device's."""

    @classmethod
    def of(cls, device: str, device_name: str, profile: Profile) -> Site:
        """With all the memory that the machine has."""
        return cls(
            *(device, device_name, profile),
            device_bytes=profile.usable_memory_bytes,
            capacity_bytes=profile.memory_total_bytes,
            host_bytes=profile.host_memory_bytes,
        )

    @property
    def is_cpu(self) -> bool:
        return self.profile.device is DeviceClass.CPU

    @property
    def dtype(self) -> DType:
        """What the transformers and the text encoder compute in: the CPU is the fp32 reference."""
        return DType.FLOAT32 if self.is_cpu else DType.BFLOAT16

    @property
    def pinnable_bytes(self) -> int:
        """Of host memory, what may be page-locked."""
        return int(PINNED_SHARE * self.host_bytes)
