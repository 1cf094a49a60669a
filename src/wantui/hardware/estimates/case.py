"""All that an estimate depends on: one video, by one model, on one device, in one way."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from wantui.api.model import WeightsStatus
from wantui.api.plan import Residency
from wantui.catalog.recipe import Decoder, Recipe
from wantui.hardware.estimates.correction import Corrections
from wantui.hardware.estimates.site import Site
from wantui.hardware.estimates.video import Latents, Video
from wantui.hardware.estimates.weights import WeightBytes, weight_bytes

HEAVIEST = Decoder(
    dim=256,
    dim_mult=(1, 2, 4, 4),
    res_blocks=2,
    latent_channels=48,
    out_channels=12,
    residual=True,
    upsamples_frames=(True, True, False),
)
"""The VAE of Wan 2.2 as published: what a decoder is taken for that nobody described."""


class Setup(NamedTuple):
    """A way to carry a job out, as far as it decides what that takes."""

    residency: Residency
    tiled: bool = False
    half: bool = False
    """Whether the VAE decodes in bf16: another arithmetic, where the job allows it."""


@dataclass(frozen=True)
class Case:
    """Everything but the way."""

    recipe: Recipe
    status: WeightsStatus | None
    video: Video
    site: Site
    corrections: Corrections = field(default_factory=Corrections)
    compiled: bool = False
    """Whether an expert's blocks run compiled."""
    may_degrade: bool = False
    """Whether the job allows other arithmetic where it fits in no other way."""

    @cached_property
    def weights(self) -> WeightBytes:
        return weight_bytes(self.recipe, self.status, self.site.dtype)

    @cached_property
    def latents(self) -> Latents:
        return Latents.of(self.recipe, self.video)

    @property
    def decoder(self) -> Decoder:
        return self.recipe.decoder or HEAVIEST

    @property
    def encodes_video(self) -> bool:
        """Whether a picture is encoded as the first frame of a whole clip, as I2V-A14B does it;
        TI2V-5B encodes one frame, which is little."""
        return self.recipe.needs_image and not self.recipe.expand_timesteps
