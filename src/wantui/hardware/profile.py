"""What a machine is, in the numbers that plans and estimates are made of.

A profile is a TOML file: the shipped ones in `config/profiles`, each number with its source, and
the user's own. One is of a device that is known by its name, or of a class of devices by memory.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wantui.api.hardware import DeviceClass

Bytes = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]

READ = "read of this machine"
"""The source of what was."""


class Dtypes(BaseModel):
    """Number formats that the device's matrix units take at full rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bf16: bool
    fp16: bool
    fp8: bool


class Attention(BaseModel):
    """Attention backends by diffusers' names, the fastest first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    right: tuple[str, ...]
    """Known to give unquantised attention on this device: any of them is faithful."""
    fastest: str
    """One of `right`; taken where the engine's probe says that it is there."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.fastest not in self.right:
            raise ValueError(f"fastest: {self.fastest!r} is none of {', '.join(self.right)}")
        return self


class Profile(BaseModel):
    """A device and the host it is in. Sizes in bytes, rates in bytes or operations a second."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    summary: str
    """For people: what it is."""
    device: DeviceClass
    devices: tuple[str, ...] = ()
    """Names that NVML, torch or the kernel give it; `*` stands for anything. A class has none."""

    memory_total_bytes: Bytes
    """Bytes of the device; of the CPU they are the host's."""
    memory_reserve_bytes: Bytes
    """Bytes of that which are left free: for the driver, a display, and what an estimate misses."""
    bf16_flops: Rate
    """Dense bf16 matrix multiplication with fp32 accumulation, operations a second, as the data
    sheet has it; of the CPU it is fp32's, which is what it computes in."""
    bf16_share: Share
    """Of `bf16_flops`, what a long forward of a transformer comes to."""
    memory_bytes_per_second: Rate
    """Bytes a second, of the device's memory, read."""
    host_to_device_bytes_per_second: Rate
    """Bytes a second from pinned host memory, as achieved; of the CPU a copy in its own memory."""
    disk_read_bytes_per_second: Rate
    """Bytes a second of the disk that holds weights, past the page cache."""
    host_memory_bytes: Bytes
    """Bytes of it that a process may use."""
    cores: Annotated[int, Field(gt=0)]
    """Logical processors; of a CPU's own profile two a core."""
    dtypes: Dtypes
    """Number formats that its matrix units take at full rate."""
    attention: Attention
    """Backends by diffusers' names: those that attend unquantised, and the fastest of them."""
    sources: dict[str, str] = Field(default_factory=dict)
    """Where each number is from, by its field: a data sheet, a paper, a measurement."""

    @model_validator(mode="after")
    def _sources_are_of_fields(self) -> Self:
        for name in self.sources:
            if name not in type(self).model_fields:
                raise ValueError(f"sources: no field is called {name!r}")
        return self

    @property
    def usable_memory_bytes(self) -> int:
        """Of the device, what a plan may fill."""
        return max(self.memory_total_bytes - self.memory_reserve_bytes, 0)

    @property
    def expected_flops(self) -> float:
        """Operations a second that a transformer's forward is expected to come to."""
        return self.bf16_flops * self.bf16_share

    def with_readings(self, **readings: object) -> Self:
        """With what was read of the machine itself in place of what is usual."""
        sources = {**self.sources, **dict.fromkeys(readings, READ)}
        return self.model_validate({**self.model_dump(), **readings, "sources": sources})
