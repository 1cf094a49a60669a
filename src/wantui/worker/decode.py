"""Latents to frames: latent frame by latent frame, or tile by tile where memory is short.

Source: diffusers 0.42.1, `AutoencoderKLWan._decode` and `tiled_decode`, whose loops this opens up;
equal to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wantui.errors import GenerationFailed
from wantui.worker import engine
from wantui.worker.condition import latent_scaling
from wantui.worker.load import LoadedModel
from wantui.worker.stop import StopFlag

Frames = npt.NDArray[np.uint8]
"""(frames, height, width, 3), RGB."""

TILE, STRIDE = 256, 192
"""Sides of a tile, and from one tile to the next, in pixels: diffusers' own."""
FRAMES_A_LATENT = 4
"""The first one stands for a single frame."""


def decode(
    model: LoadedModel,
    latents: Tensor,
    stop: StopFlag,
    *,
    tiled: bool = False,
    half: bool = False,
    on_piece: Callable[[int, int], None] = lambda _done, _of: None,
) -> Iterator[Frames]:
    """Yields 1 frame for the first latent frame, then 4 for each.

    `latents` are (1, z, lf, lh, lw) with a mean of 0 and a deviation of 1. Frames equal those of
    the pipelines' `output_type="pil"` to the bit, and with `tiled` those after `enable_tiling()`.
    With `half` the VAE is bf16 from here until it leaves the device, and frames are near those.
    `on_piece` is told each piece that is done, and how many there are. Raises StopOrdered between
    two pieces.
    """
    model.placement.bring("vae")
    vae = model.vae
    z = latents.to(model.device, torch.float32)
    mean, scale = latent_scaling(model, z)
    z = z / scale + mean
    if half:
        z = z.to(vae.to(torch.bfloat16).dtype)
    if tiled and max(z.shape[-2:]) > _Tiles.of(vae).side:
        yield from _tile_by_tile(vae, z, stop, on_piece)
        return
    for index, chunk in enumerate(_chunks(vae, z, stop)):
        yield _pixels(vae, chunk)
        on_piece(index + 1, z.shape[2])


def pieces(model: LoadedModel, latents: Tensor, *, tiled: bool) -> int:
    """How many pieces `decode` takes."""
    *_, length, height, width = latents.shape
    tiles = _Tiles.of(model.vae)
    if not tiled or max(height, width) <= tiles.side:
        return length
    return length * len(tiles.starts(height)) * len(tiles.starts(width))


def _chunks(vae: engine.Vae, z: Tensor, stop: StopFlag) -> Iterator[Tensor]:
    """What the decoder makes of each latent frame, with its memory of those before."""
    seen = [None] * vae._cached_conv_counts["decoder"]  # noqa: SLF001 - as its clear_cache() does
    for index in range(z.shape[2]):
        stop.check()
        yield vae.decoder(
            vae.post_quant_conv(z[:, :, index : index + 1]),
            feat_cache=seen,
            feat_idx=[0],
            first_chunk=index == 0,
        )


@dataclass(frozen=True)
class _Tiles:
    """Square tiles over latents, and over what the decoder makes of them."""

    side: int
    """Of a tile, in latents."""
    stride: int
    """From one tile to the next, in latents."""
    scale: int
    """Samples of the decoder's output a latent; a sample is a patch of pixels."""
    blend: int
    """Samples over which a tile goes over into the next."""

    @classmethod
    def of(cls, vae: engine.Vae) -> _Tiles:
        ratio, patch = vae.spatial_compression_ratio, vae.config.patch_size or 1
        return cls(
            side=TILE // ratio,
            stride=STRIDE // ratio,
            scale=ratio // patch,
            blend=TILE // patch - STRIDE // patch,
        )

    def starts(self, length: int) -> range:
        """Where tiles begin along a side of so many latents."""
        return range(0, length, self.stride)


def _tile_by_tile(
    vae: engine.Vae, z: Tensor, stop: StopFlag, on_piece: Callable[[int, int], None]
) -> Iterator[Frames]:
    """Every frame of a tile, then the next tile: the device holds one tile's cache and no more.

    The cache is most of what decoding takes, so going through all tiles for one frame after the
    other, with a cache each, would take more than no tiles at all. What is finished of a tile goes
    to host memory as bytes; of the rest only the edges stay that its neighbours blend with.
    """
    length, height, width = z.shape[2:]
    ratio, tiles = vae.spatial_compression_ratio, _Tiles.of(vae)
    tops, lefts = tiles.starts(height), tiles.starts(width)
    shown = tiles.stride * tiles.scale
    clip = np.empty(
        (1 + (length - 1) * FRAMES_A_LATENT, height * ratio, width * ratio, 3), dtype=np.uint8
    )
    done, of = 0, length * len(tops) * len(lefts)
    above: dict[int, list[Tensor]] = {}
    """By the column of a tile: its last rows, a tensor for each latent frame."""
    for top in tops:
        beside: list[Tensor] = []
        for left in lefts:
            part = z[..., top : top + tiles.side, left : left + tiles.side]
            bottoms: list[Tensor] = []
            rights: list[Tensor] = []
            for index, chunk in enumerate(_chunks(vae, part, stop)):
                if top:
                    _blend(above[left][index], chunk, tiles.blend, dim=-2)
                if left:
                    _blend(beside[index], chunk, tiles.blend, dim=-1)
                bottoms.append(chunk[..., -tiles.blend :, :].clone())
                rights.append(chunk[..., -tiles.blend :].clone())
                pixels = _pixels(vae, chunk[..., :shown, :shown])
                _, rows, columns, _ = pixels.shape
                y, x = top * ratio, left * ratio
                clip[_frames_of(index), y : y + rows, x : x + columns] = pixels
                done += 1
                on_piece(done, of)
            above[left], beside = bottoms, rights
    for index in range(length):
        yield clip[_frames_of(index)]


def _frames_of(index: int) -> slice:
    """Which frames of a clip its latent frame `index` stands for."""
    last = 1 + index * FRAMES_A_LATENT
    return slice(max(last - FRAMES_A_LATENT, 0), last)


def _blend(before: Tensor, tile: Tensor, extent: int, *, dim: int) -> None:
    """Fade the end of `before` into the beginning of `tile`, in place, over `extent` samples."""
    extent = min(before.shape[dim], tile.shape[dim], extent)
    share = torch.arange(extent, dtype=torch.float64) / extent  # as Python's division gives it
    shape = [1] * tile.ndim
    shape[dim] = extent
    kept, faded = (s.to(tile.device, tile.dtype).view(shape) for s in (share, 1 - share))
    start = tile.narrow(dim, 0, extent)
    start.copy_(before.narrow(dim, before.shape[dim] - extent, extent) * faded + start * kept)


def _pixels(vae: engine.Vae, chunk: Tensor) -> Frames:
    """What the decoder made to bytes, rounded as VaeImageProcessor does."""
    if not torch.isfinite(chunk).all():
        raise GenerationFailed("decoding made numbers that are not finite")
    if vae.config.patch_size is not None:
        chunk = engine.unpatchify(chunk, patch_size=vae.config.patch_size)
    frames = (chunk.float().clamp(-1.0, 1.0)[0] * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 3, 0)
    return (frames * 255).round().to(torch.uint8).cpu().numpy()
