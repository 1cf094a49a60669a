"""How one model is loaded on one device of this machine."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply


class DType(StrEnum):
    """The number format that the transformers and the text encoder compute in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Residency(StrEnum):
    """Where components are while others work."""

    RESIDENT = "resident"
    """All of them stay on the device from the first job to the last."""
    STAGED = "staged"
    """Only the stage at work holds the device; the others wait in host memory."""


class Plan(Reply):
    """A lawful way to load; made by `wantui.hardware.plan`, carried out by the worker."""

    device: str
    """`cpu`, or a GPU's UUID."""
    device_name: str
    dtype: DType
    residency: Residency
    tiled_decode: bool = False
    """The VAE decodes tile by tile, which takes less memory and gives other pixels."""
    weights_bytes: int
    """All components in the format they are loaded in."""
    device_bytes: int
    """Weights on the device at once, at most; activations come on top."""
    device_total_bytes: int
    reason: str
    """Why this way, in one sentence for people."""
