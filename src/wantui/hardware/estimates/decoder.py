"""Bytes and operations of a Wan VAE's decoder, from the sizes of its layers.

Source: diffusers 0.42.1, `autoencoder_kl_wan.py`. The decoder goes latent frame by latent frame;
every causal convolution keeps the last two frames of its input for the next one, and that cache is
most of what decoding takes: 8.7 GB at 1280x720 for the VAE of 2.1, 6.4 GB at 1280x704 for 2.2's.
The counts of the cache are exact; a test holds all of them to what the real class takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from wantui.catalog.recipe import Decoder
from wantui.hardware.estimates.video import FLOAT32_BYTES, Latents

CACHED_FRAMES = 2
WORKING_FRAMES = 28
"""Of the widest layer's input, at the peak: a chunk of four frames, its norm, its activation,
the same with the cache before it, padded, and what came in. On the meta device 26.2 and 28.2."""
TILE, STRIDE, BLEND = 256, 192, 64
"""Sides of a tile, from one to the next, and their overlap, in pixels: the worker's, diffusers'."""
PIXEL_CHANNELS = 3
TAPS = 27
"""Numbers of a 3x3x3 kernel."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A causal one of 3x3x3, or of 3 frames only."""

    inputs: int
    outputs: int
    area: int
    """Pixels of its input a latent pixel."""
    frames: int
    """Of its input a latent frame."""
    taps: int = TAPS


@lru_cache(maxsize=16)
def convolutions(decoder: Decoder) -> tuple[Convolution, ...]:
    """All that keep a cache, from the latents to the pixels."""
    return tuple(_convolutions(decoder))


def _convolutions(decoder: Decoder) -> Iterator[Convolution]:
    widths = [decoder.dim * by for by in (decoder.dim_mult[-1], *reversed(decoder.dim_mult))]
    yield Convolution(decoder.latent_channels, widths[0], 1, 1)
    for _ in range(4):  # the middle: two residual blocks
        yield Convolution(widths[0], widths[0], 1, 1)
    area = frames = 1
    levels = list(pairwise(widths))
    for level, (inputs, outputs) in enumerate(levels):
        halved = level > 0 and not decoder.residual  # the VAE of 2.1 halves as it upsamples
        yield from _residual_blocks(
            decoder, inputs // 2 if halved else inputs, outputs, area, frames
        )
        if level < len(levels) - 1:
            if decoder.upsamples_frames[level]:
                yield Convolution(outputs, 2 * outputs, area, frames, taps=3)
                frames *= 2
            area *= 4
    yield Convolution(widths[-1], decoder.out_channels, area, frames)


def _residual_blocks(
    decoder: Decoder, inputs: int, outputs: int, area: int, frames: int
) -> Iterator[Convolution]:
    for block in range(decoder.res_blocks + 1):
        yield Convolution(inputs if block == 0 else outputs, outputs, area, frames)
        yield Convolution(outputs, outputs, area, frames)


def cache_bytes(decoder: Decoder, area: int) -> int:
    """Of the features that are kept between latent frames; `area` in latents."""
    numbers = sum(each.inputs * each.area for each in convolutions(decoder))
    return numbers * CACHED_FRAMES * FLOAT32_BYTES * area


def working_bytes(decoder: Decoder, area: int) -> int:
    """Of what comes and goes while one latent frame is decoded."""
    widest = max(each.inputs * each.area for each in convolutions(decoder))
    return widest * WORKING_FRAMES * FLOAT32_BYTES * area


def decode_flops(decoder: Decoder, latents: Latents) -> float:
    """Of a whole clip, two a multiplication and addition."""
    one = sum(
        2 * each.taps * each.inputs * each.outputs * each.area * each.frames
        for each in convolutions(decoder)
    )
    return float(one) * latents.area * latents.frames


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture of latents is cut into tiles."""

    side: int
    """Of a tile, in latents."""
    rows: int
    columns: int
    """How many tiles there are."""
    area: int
    """Latents of all tiles together: more than the picture has, since tiles overlap."""

    @classmethod
    def of(cls, spatial_stride: int, latents: Latents) -> Tiling:
        side, step = TILE // spatial_stride, STRIDE // spatial_stride
        rows, columns = (_pieces(length, step) for length in (latents.rows, latents.columns))
        heights = sum(min(side, latents.rows - at * step) for at in range(rows))
        widths = sum(min(side, latents.columns - at * step) for at in range(columns))
        return cls(side, rows, columns, heights * widths)

    def kept_bytes(self, frames: int) -> int:
        """Of the edges that are kept for the tiles below and beside, on the device."""
        edge = TILE * BLEND * PIXEL_CHANNELS * frames * FLOAT32_BYTES
        return edge * (self.columns + 1)


def _pieces(length: int, step: int) -> int:
    return -(-length // step)
