"""What is to be made, as far as it decides what that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wantui.api.job import Params
from wantui.api.lora import LoraExpert
from wantui.catalog.recipe import Recipe
from wantui.catalog.sizes import PATCH

FLOAT32_BYTES = 4


class Extent(Protocol):
    """A video's size in pixels and its length in frames: a job's parameters, a model's defaults."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frames(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Video:
    """Pixels and frames, and how often a transformer looks at them."""

    width: int
    height: int
    frames: int
    steps: int
    passes: int = 2
    """Forwards a step: two where a negative prompt takes part."""
    lora_bytes: int = 0
    """Of the LoRAs on the device while it is denoised, as they are in their files."""

    def __str__(self) -> str:
        return f"{self.width}x{self.height} with {self.frames} frames"

    @property
    def pixels(self) -> int:
        """Of all frames."""
        return self.width * self.height * self.frames


def default_video(recipe: Recipe, extent: Extent | None = None, steps: int | None = None) -> Video:
    """A video with the model's official parameters, but for what is given."""
    shape: Extent = extent or recipe.defaults
    return Video(
        *(shape.width, shape.height, shape.frames),
        steps=steps or recipe.defaults.steps,
        passes=2 if recipe.defaults.guidance > 1 else 1,
    )


def video_of(recipe: Recipe, params: Params) -> Video:
    """What a job makes. LoRAs of both experts lie on the device from the first step on."""
    both = 2 if recipe.has_two_experts else 1
    loras = sum(
        lora.bytes * (both if lora.expert is LoraExpert.BOTH else 1) for lora in params.loras
    )
    return Video(
        *(params.width, params.height, params.frames),
        steps=params.steps,
        passes=2 if params.guidance > 1 else 1,
        lora_bytes=loras,
    )


@dataclass(frozen=True, slots=True)
class Latents:
    """Frames, rows and columns of the latents that a video is denoised as."""

    frames: int
    rows: int
    columns: int

    @classmethod
    def of(cls, recipe: Recipe, video: Video) -> Latents:
        """Source: diffusers 0.42.1, `WanPipeline.prepare_latents`: the VAE's stride."""
        stride_t, stride_h, stride_w = recipe.vae_stride
        return cls(
            (video.frames - 1) // stride_t + 1, video.height // stride_h, video.width // stride_w
        )

    @property
    def area(self) -> int:
        return self.rows * self.columns

    @property
    def tokens(self) -> int:
        """That a transformer sees: patches of 1x2x2 latents."""
        return self.frames * (self.rows // PATCH) * (self.columns // PATCH)

    def bytes(self, channels: int) -> int:
        """Of one tensor of them, which is fp32 all through denoising."""
        return self.frames * self.area * channels * FLOAT32_BYTES
