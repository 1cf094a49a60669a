"""A Wan VAE on a whole clip at once, for training: the same numbers as its own chunk by chunk.

diffusers encodes one frame, then four at a time, and decodes latent by latent, with the last
frames kept between chunks. Without those its resampling leaves time alone, so that is done here.
Source: diffusers 0.42.1, `models/autoencoders/autoencoder_kl_wan.py`.
"""

from __future__ import annotations

import torch
from diffusers.models.autoencoders import autoencoder_kl_wan as wan
from parts import Part
from torch import Tensor

_wan: Part = wan
_chunked = _wan.WanResample.forward


def _resample(
    self: Part, x: Tensor, feat_cache: Part | None = None, feat_idx: list[int] | None = None
) -> Tensor:
    if feat_cache is not None:
        out: Tensor = _chunked(self, x, feat_cache, feat_idx)
        return out
    if self.mode == "upsample3d" and x.shape[2] > 1:
        later = self.time_conv(x[:, :, 1:])
        n, _, t, h, w = later.shape
        later = later.view(n, 2, -1, t, h, w).permute(0, 2, 3, 1, 4, 5).reshape(n, -1, 2 * t, h, w)
        x = torch.cat([x[:, :, :1], later], 2)
    n, c, t, h, w = x.shape
    x = self.resample(x.transpose(1, 2).reshape(n * t, c, h, w))
    x = x.view(n, t, *x.shape[1:]).transpose(1, 2)
    if self.mode == "downsample3d" and t > 1:
        x = torch.cat([x[:, :, :1], self.time_conv(x)], 2)
    return x


def encode(vae: Part, videos: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 3, frames, height, width) in [-1, 1] to the posterior's mean and log variance."""
    _wan.WanResample.forward = _resample
    patches = _wan.patchify(videos, patch_size=vae.config.patch_size)
    mean, log_variance = vae.quant_conv(vae.encoder(patches)).chunk(2, dim=1)
    return mean, log_variance.clamp(-30, 20)


def decode(vae: Part, latents: Tensor) -> Tensor:
    """Latents to videos, not clamped."""
    _wan.WanResample.forward = _resample
    patches = vae.decoder(vae.post_quant_conv(latents), first_chunk=True)
    videos: Tensor = _wan.unpatchify(patches, patch_size=vae.config.patch_size)
    return videos
