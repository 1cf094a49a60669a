"""What a worker needs to show how a video comes along."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Row = tuple[float, float, float]
"""Red, green, blue."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Projection(_Part):
    """Latents straight to colours: rgb = latents (a number a channel) x factors + bias.

    Latents are as the transformer sees them, with a mean of 0 and a deviation of 1; rgb is in
    [-1, 1].
    """

    factors: tuple[Row, ...]
    """A row a channel."""
    bias: Row


class LatentRgb(_Part):
    """The projection that comes nearest to what a VAE decodes."""

    rest: Projection
    first: Projection | None = None
    """Of the first latent frame, which stands for one frame and not for four."""


class PreviewOrder(_Part):
    """Where previews go, how many frames they have, and how often there is one at most."""

    path: str
    """Absolute path of the WebP."""
    latent_rgb: LatentRgb
    frames: int
    per_second: float
