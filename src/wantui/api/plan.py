"""How one model is loaded on one device of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from wantui.api.base import Reply


class DType(StrEnum):
    """The number format that the transformers and the text encoder compute in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    @property
    def bytes(self) -> int:
        """Of one number."""
        return 4 if self is DType.FLOAT32 else 2


@dataclass(frozen=True)
class Residency:
    """What stays in memory, on the device and beside it. Never a matter of arithmetic.

    A plain dataclass: it is made where a schema would be built for nothing.
    """

    RESIDENT: ClassVar[Residency]
    """Everything stays on the device from the first job to the last."""

    resident_blocks: int | None = None
    """How many blocks of an expert stay on the device while it is at work; the others stream
    through it. None is all of them."""
    components_stay: bool = True
    """Whether components that are not at work stay on the device."""
    host_copies_stay: bool = False
    """Whether an expert that is not on the device stays in host memory, so that it need not be
    read again."""


Residency.RESIDENT = Residency()


class Plan(Reply):
    """A lawful way to load; made by `wantui.hardware.plan`, carried out by the worker."""

    device: str
    """`cpu`, or a GPU's UUID."""
    device_name: str
    dtype: DType
    residency: Residency
    tiled_decode: bool = False
    """The VAE decodes tile by tile, which takes less memory and gives other pixels: only where it
    would not fit otherwise."""
    decode_dtype: DType = DType.FLOAT32
    """Of the VAE while it decodes; another than fp32 changes arithmetic, and is only taken where a
    job allows it and nothing else fits."""
    compiled: bool = False
    """An expert's blocks are compiled before the first step: fewer passes over memory, and other
    last bits."""
    weights_bytes: int
    """All components in the format they are loaded in."""
    device_bytes: int
    """Weights on the device at once, at most; activations come on top."""
    device_total_bytes: int
    peak_bytes: int | None = None
    """Of the device, what the job is expected to take at its highest; None of an older daemon."""
    host_bytes: int | None = None
    """Of host memory, likewise."""
    seconds: float | None = None
    """That the job is expected to take, its first load of the model included."""
    reason: str
    """Why this way, in one sentence for people."""
