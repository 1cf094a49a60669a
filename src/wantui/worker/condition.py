"""What steers the denoising besides the prompt: nothing, an image in channels, or a first frame.

Source: diffusers 0.42.1, `pipelines/wan/pipeline_wan.py` and `pipeline_wan_i2v.py`; equal to the
bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from wantui.api.job import Params
from wantui.worker.load import LoadedModel
from wantui.worker.stop import StopFlag

MASK_CHANNELS = 4
"""One for each frame that a latent frame stands for."""


class Conditioning(Protocol):
    """How latents (1, z, lf, lh, lw) become a transformer's input, and its timestep."""

    def model_input(self, latents: Tensor) -> Tensor: ...

    def timestep(self, t: Tensor) -> Tensor:
        """From the scheduler's scalar `t`, 0 to 1000."""

    def finish(self, latents: Tensor) -> Tensor:
        """Once, after the last step."""


@dataclass(frozen=True)
class PromptOnly:
    """Text to video with one timestep for the whole video."""

    def model_input(self, latents: Tensor) -> Tensor:
        return latents

    def timestep(self, t: Tensor) -> Tensor:
        return t.expand(1)

    def finish(self, latents: Tensor) -> Tensor:
        return latents


@dataclass(frozen=True)
class ImageChannels:
    """I2V-A14B: the encoded image and a mask of known frames, as channels beside the latents."""

    channels: Tensor
    """(1, 4 + z, lf, lh, lw)"""

    def model_input(self, latents: Tensor) -> Tensor:
        return torch.cat([latents, self.channels], dim=1)

    def timestep(self, t: Tensor) -> Tensor:
        return t.expand(1)

    def finish(self, latents: Tensor) -> Tensor:
        return latents


@dataclass(frozen=True)
class TokenTimesteps:
    """TI2V: a timestep a token, zero where a latent frame is given instead of denoised."""

    mask: Tensor
    """(1, 1, lf, lh, lw), 1 where the video is to be denoised."""
    first_frame: Tensor | None
    """(1, z, 1, lh, lw): the encoded image."""

    def model_input(self, latents: Tensor) -> Tensor:
        if self.first_frame is None:
            return latents
        return (1 - self.mask) * self.first_frame + self.mask * latents

    def timestep(self, t: Tensor) -> Tensor:
        return (self.mask[0][0][:, ::2, ::2] * t).flatten().unsqueeze(0)

    def finish(self, latents: Tensor) -> Tensor:
        return self.model_input(latents)


def latent_shape(model: LoadedModel, params: Params) -> tuple[int, int, int, int, int]:
    """(1, z, latent frames, latent height, latent width)."""
    config = model.vae.config
    return (
        1,
        config.z_dim,
        (params.frames - 1) // config.scale_factor_temporal + 1,
        params.height // config.scale_factor_spatial,
        params.width // config.scale_factor_spatial,
    )


def conditioning(
    model: LoadedModel, params: Params, image: Tensor | None, stop: StopFlag
) -> Conditioning:
    """Encode the image, (1, 3, height, width) in [-1, 1], in the way this model wants it."""
    shape = latent_shape(model, params)
    if model.key.files.expand_timesteps:
        mask = torch.ones(1, 1, *shape[2:], dtype=torch.float32, device=model.device)
        if image is None:
            return TokenTimesteps(mask, None)
        mask[:, :, 0] = 0
        return TokenTimesteps(mask, _encode(model, image.unsqueeze(2), stop))
    if image is None:
        return PromptOnly()
    latent = _encode(model, opened_by(image, params.frames), stop)
    mask = torch.zeros(1, MASK_CHANNELS, *shape[2:], device=model.device)
    mask[:, :, 0] = 1
    return ImageChannels(torch.cat([mask, latent], dim=1))


def opened_by(image: Tensor, frames: int) -> Tensor:
    """(1, 3, frames, height, width): the image, and grey after it."""
    batch, channels, height, width = image.shape
    clip = image.new_zeros(batch, channels, frames, height, width)
    clip[:, :, 0] = image
    return clip


def _encode(model: LoadedModel, video: Tensor, stop: StopFlag) -> Tensor:
    """(1, 3, frames, height, width) to latents with a mean of 0 and a deviation of 1."""
    vae = model.vae
    model.placement.bring("vae")
    try:
        with stop.guard([vae.encoder]):  # it runs once for every four frames
            latent: Tensor = vae.encode(video.to(model.device, vae.dtype)).latent_dist.mode()
    finally:
        vae.clear_cache()
    mean, scale = latent_scaling(model, latent)
    return (latent - mean) * scale


def latent_scaling(model: LoadedModel, like: Tensor) -> tuple[Tensor, Tensor]:
    """The VAE's means and reciprocal deviations, (1, z, 1, 1, 1), in the type of `like`."""
    config = model.vae.config
    shape = (1, config.z_dim, 1, 1, 1)
    mean = torch.tensor(config.latents_mean).view(shape).to(like.device, like.dtype)
    std = torch.tensor(config.latents_std).view(shape).to(like.device, like.dtype)
    return mean, 1.0 / std
