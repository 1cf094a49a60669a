"""Latents to frames, one latent frame at a time, so that a video never has to fit whole."""

from __future__ import annotations

from collections.abc import Iterator

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


def decode(model: LoadedModel, latents: Tensor, stop: StopFlag) -> Iterator[Frames]:
    """Yields 1 frame for the first latent frame, then 4 for each.

    `latents` are (1, z, lf, lh, lw) with a mean of 0 and a deviation of 1. Frames equal those of
    the pipelines' `output_type="pil"` to the bit. Raises StopOrdered between two latent frames.
    """
    for chunk in _decode(model, latents, stop):
        if not torch.isfinite(chunk).all():
            raise GenerationFailed("decoding made numbers that are not finite")
        yield _pixels(chunk)


def _decode(model: LoadedModel, latents: Tensor, stop: StopFlag) -> Iterator[Tensor]:
    """Source: diffusers 0.42.1, `AutoencoderKLWan._decode`, whose loop this opens up."""
    model.placement.bring("vae")
    vae = model.vae
    z = latents.to(model.device, vae.dtype)
    mean, scale = latent_scaling(model, z)
    z = z / scale + mean
    vae.clear_cache()
    try:
        for index in range(z.shape[2]):
            stop.check()
            vae._conv_idx = [0]  # noqa: SLF001 - the cache of causal convolutions is passed by hand
            frames = vae.decoder(
                vae.post_quant_conv(z[:, :, index : index + 1]),
                feat_cache=vae._feat_map,  # noqa: SLF001 - as above
                feat_idx=vae._conv_idx,  # noqa: SLF001 - as above
                first_chunk=index == 0,
            )
            if vae.config.patch_size is not None:
                frames = engine.unpatchify(frames, patch_size=vae.config.patch_size)
            yield frames.clamp_(-1.0, 1.0)
    finally:
        vae.clear_cache()


def _pixels(chunk: Tensor) -> Frames:
    """(1, 3, frames, height, width) in [-1, 1] to bytes, rounded as VaeImageProcessor does."""
    frames = (chunk[0] * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 3, 0)
    return (frames * 255).round().to(torch.uint8).cpu().numpy()
