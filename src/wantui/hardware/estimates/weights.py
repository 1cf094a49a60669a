"""Bytes of a model's weights: by component, in the format they are loaded in, and on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wantui.api.model import ComponentStatus, WeightsState, WeightsStatus
from wantui.api.plan import DType, Residency
from wantui.catalog.recipe import Architecture, Component, Recipe

EXPERTS = ("transformer", "transformer_2")
VAE = "vae"
SLOTS = 2
"""Blocks' worth of device memory through which those that do not stay are streamed."""
UNKNOWN_GGUF_BITS = 8.5
"""Of a number in a GGUF file that is not here yet: Q8_0's, the largest that are common."""


@dataclass(frozen=True, slots=True)
class WeightBytes:
    """A model's components as they are loaded, and what an expert is made of."""

    experts: tuple[int, ...]
    vae: int
    encoder: int
    """The text encoder, and whatever else there is."""
    blocks: int
    """Of an expert; 0 where nobody knows, and nothing can stream."""
    block: int
    experts_on_disk: int
    vae_on_disk: int
    encoder_on_disk: int
    """Converted ones where there are some: what a load reads."""

    @property
    def total(self) -> int:
        return sum(self.experts) + self.vae + self.encoder

    @property
    def on_disk(self) -> int:
        return self.experts_on_disk + self.vae_on_disk + self.encoder_on_disk

    @property
    def choices(self) -> tuple[int | None, ...]:
        """Numbers of resident blocks, best first; a few less than all would save nothing."""
        return (None, *range(self.blocks - SLOTS - 1, -1, -1))

    def streamed(self, resident: int | None) -> int:
        """Bytes of an expert that wait in host memory while it is at work."""
        return 0 if resident is None else (self.blocks - resident) * self.block

    def expert(self, resident: int | None) -> int:
        """Bytes of the largest expert that are on the device while it is at work."""
        slots = 0 if resident is None else SLOTS * self.block
        return max(self.experts, default=0) - self.streamed(resident) + slots

    def on_device(self, residency: Residency) -> int:
        """Of weights at most, whatever the stage."""
        if residency.components_stay:
            return self.total
        return max(self.expert(residency.resident_blocks), self.vae, self.encoder)

    def pinned(self, residency: Residency) -> int:
        """Of host memory, page-locked: all of the experts, or what streams of the one at work."""
        if residency.host_copies_stay:
            return sum(self.experts)
        return self.streamed(residency.resident_blocks)


def weight_bytes(recipe: Recipe, status: WeightsStatus | None, dtype: DType) -> WeightBytes:
    """`status` is what is known of the files, if anything."""
    known = {part.name: part for part in status.components} if status else {}
    parts = [part for part in recipe.components if part.has_weights]
    sizes = {part.name: _loaded(recipe, part, known.get(part.name), dtype) for part in parts}
    disk = {part.name: _on_disk(part, status, known.get(part.name), dtype) for part in parts}
    block = _block(recipe, sizes, dtype)
    others = [part.name for part in parts if part.name not in (*EXPERTS, VAE)]
    made_of = recipe.architecture
    return WeightBytes(
        experts=tuple(sizes[name] for name in EXPERTS if name in sizes),
        vae=sizes.get(VAE, 0),
        encoder=sum(sizes[name] for name in others),
        blocks=made_of.blocks if made_of and block else 0,
        block=block,
        experts_on_disk=sum(disk[name] for name in EXPERTS if name in disk),
        vae_on_disk=disk.get(VAE, 0),
        encoder_on_disk=sum(disk[name] for name in others),
    )


def _loaded(recipe: Recipe, part: Component, status: ComponentStatus | None, dtype: DType) -> int:
    """In memory. One that nobody counted is taken to be bf16 on disk; quantised tensors are as they
    are in their file. The VAE is fp32 always.
    """
    if part.gguf is not None:
        guess = int((part.parameter_count or 0) * UNKNOWN_GGUF_BITS / 8)
        return status.bytes_present if status and not status.missing else guess
    count = part.parameter_count or (status.parameter_count if status else None)
    if count is None:
        count = status.bytes_needed // DType.BFLOAT16.bytes if status else 0
    if part.name == VAE:
        return count * DType.FLOAT32.bytes
    widened = DType.FLOAT32.bytes - dtype.bytes
    made_of = recipe.architecture if part.name in EXPERTS else None
    return count * dtype.bytes + (widened * _kept_in_fp32(made_of) if made_of else 0)


def _kept_in_fp32(made_of: Architecture) -> int:
    """Parameters of an expert that are fp32 whatever the others are.

    Source: diffusers 0.42.1, `WanTransformer3DModel._keep_in_fp32_modules`: the timestep's two
    layers, the tables of scales and shifts, and the one norm of a block that has weights.
    """
    dim = made_of.dim
    timestep = made_of.freq_dim * dim + dim * dim + 2 * dim
    return timestep + made_of.blocks * _kept_in_fp32_of_block(made_of) + 2 * dim


def _kept_in_fp32_of_block(made_of: Architecture) -> int:
    return (6 + 2) * made_of.dim


def _block(recipe: Recipe, sizes: Mapping[str, int], dtype: DType) -> int:
    """Of a block of the largest expert; 0 where nobody knows. Those of a GGUF file are not equal:
    its share of the file's bytes.
    """
    experts = [part for part in recipe.components if part.name in EXPERTS and part.has_weights]
    largest = max(experts, key=lambda part: sizes[part.name], default=None)
    made_of = recipe.architecture
    if made_of is None or largest is None:
        return 0
    parameters = made_of.block_parameters
    if largest.gguf is None:
        widened = DType.FLOAT32.bytes - dtype.bytes
        return parameters * dtype.bytes + widened * _kept_in_fp32_of_block(made_of)
    return parameters * sizes[largest.name] // (largest.parameter_count or 1)


def _on_disk(
    part: Component, status: WeightsStatus | None, known: ComponentStatus | None, dtype: DType
) -> int:
    """What a load reads: the converted files where they are sound, else the published ones."""
    for converted in status.converted if status else ():
        sound = converted.state in (WeightsState.VERIFIED, WeightsState.UNVERIFIED)
        if converted.component == part.name and converted.dtype is dtype and sound:
            return converted.bytes
    if part.weights and part.weights.bytes:
        return part.weights.bytes
    return known.bytes_needed if known else 0
