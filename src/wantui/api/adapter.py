"""Adapters: LoRA files that were checked and are kept by digest, and those to be fetched."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from wantui.api.base import Reply, Request


class LoraNaming(StrEnum):
    """Whose names a file's tensors have."""

    DIFFUSERS = "diffusers"
    """`transformer.blocks.0.attn1.to_q.lora_A.weight`"""
    ORIGINAL = "original"
    """`diffusion_model.blocks.0.self_attn.q.lora_down.weight`"""
    KOHYA = "kohya"
    """`lora_unet_blocks_0_self_attn_q.lora_down.weight`"""


class Noise(StrEnum):
    """Which of the two experts an adapter seems to be made for."""

    HIGH = "high"
    LOW = "low"


class AdapterSource(Reply):
    file: str
    """Its name where it came from; on the hub the path in the repository."""
    repository: str | None = None
    """On the hub; None if a client sent it."""
    commit: str | None = None
    """Of the repository, resolved when it was fetched."""
    license: str | None = None


class Adapter(Reply):
    id: str
    """The sha256 of its bytes, in hex: adding the same file twice makes one adapter."""
    name: str
    """One adapter's alone, whatever the case."""
    bytes: int
    naming: LoraNaming
    rank: int
    """Of its layers; the largest where they differ."""
    layers: int
    """Parts of the transformer that it changes."""
    dtype: str
    """Of most of its tensors, as safetensors names it."""
    base_models: tuple[str, ...]
    """Ids of the models that it fits, told from its shapes, as the catalog was when it came."""
    noise_hint: Noise | None
    """From the file's name: a hint and no more."""
    unused_tensors: int
    """Those for the image branch of Wan 2.1, which Wan 2.2 does not have."""
    source: AdapterSource
    added_at: float


class Adapters(Reply):
    adapters: tuple[Adapter, ...]
    """By name."""


class AdapterCheck(Reply):
    """What a LoRA would be kept as, told from its header before the rest is sent."""

    name: str
    base_models: tuple[str, ...]


class AdapterPullRequest(Request):
    repository: Annotated[str, Field(pattern=r"^\w[\w.-]{0,95}/\w[\w.-]{0,95}$")]
    """`owner/name`."""
    file: Annotated[str, Field(min_length=1, max_length=1000)]
    """The path in the repository."""
    revision: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """A branch, tag or commit; None is `main` as it is now."""
    name: str | None = None
    """None makes one of the file's name."""


class PulledAdapter(Reply):
    """What a download brings that is no model's: one file of its repository."""

    file: str
    """Its path there."""
    revision: str | None
    """As it was asked for; None is `main`."""
    name: str | None
    """As it was asked for; None makes one of the file's name once it is kept."""
    kept: Adapter | None = None
    """What became of it."""

    @property
    def called(self) -> str:
        """Its name, or while that is not settled what the file is called."""
        return self.kept.name if self.kept else self.name or PurePosixPath(self.file).stem
