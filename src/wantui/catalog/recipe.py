"""A recipe: what a model is, where its components come from, and its official parameters."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

from wantui.api.job import Sampler
from wantui.api.model import Defaults, Limits


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageSizeRule(StrEnum):
    """How the official code sizes a video after its first frame."""

    AREA = "area"
    BEST_OUTPUT = "best_output"


class Weights(_Entry):
    """Safetensors in one file, or in numbered shards with an index."""

    stem: str
    shards: int
    bytes: int | None = None
    """As published; None where the files themselves are the source."""

    @property
    def files(self) -> tuple[str, ...]:
        if self.shards == 1:
            return (f"{self.stem}.safetensors",)
        shards = range(1, self.shards + 1)
        return (
            f"{self.stem}.safetensors.index.json",
            *(f"{self.stem}-{n:05}-of-{self.shards:05}.safetensors" for n in shards),
        )


class Component(_Entry):
    name: str
    class_name: str
    files: tuple[str, ...]
    """Besides the weights, relative to the component's folder."""
    parameter_count: int | None = None
    weights: Weights | None = None

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every file, relative to the repository."""
        weights = self.weights.files if self.weights else ()
        return tuple(f"{self.name}/{name}" for name in (*self.files, *weights))


class Architecture(_Entry):
    """The sizes of a Wan transformer's layers, by which an adapter is told to fit."""

    dim: int
    """Of a token's hidden state: heads times their width."""
    blocks: int
    ffn_dim: int
    text_dim: int
    """Of the text encoder's output."""
    freq_dim: int
    """Of the timestep's sinusoids."""
    in_channels: int
    out_channels: int

    @property
    def block_parameters(self) -> int:
        """Of one block. Source: diffusers 0.42.1, `WanTransformerBlock` with cross_attn_norm."""
        attention = 4 * (self.dim * self.dim + self.dim) + 2 * self.dim
        feed_forward = 2 * self.dim * self.ffn_dim + self.ffn_dim + self.dim
        norm, modulation = 2 * self.dim, 6 * self.dim
        return 2 * attention + feed_forward + norm + modulation


class RecipeDefaults(Defaults):
    """The official parameters as TOML has them, where what is absent is None."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    guidance_low: float | None = None


class Recipe(_Entry):
    """One model of the catalog. Without repository and folder its weights ship inside wantui."""

    id: str
    name: str
    summary: str
    tasks: tuple[str, ...]
    repository: str | None = None
    folder: str | None = None
    """Weights that lie in a folder of the user's in Diffusers layout, instead of a repository."""
    license: str
    aliases: tuple[str, ...]
    pipeline: Literal["WanPipeline", "WanImageToVideoPipeline"]
    expand_timesteps: bool
    boundary: float | None = None
    sampler: Sampler
    takes_image: bool
    needs_image: bool
    image_size_rule: ImageSizeRule
    vae_stride: tuple[int, int, int]
    """Frames, height, width."""
    latent_rgb: Literal["wan21", "wan22", "demo"] | None = None
    """A file of `config/latent_rgb`, by which latents are shown; None where none fits the VAE."""
    defaults: RecipeDefaults
    limits: Limits
    architecture: Architecture | None = None
    """None where nobody wrote it down: no adapter is told to fit."""
    components: tuple[Component, ...]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every file that a load needs, relative to the repository."""
        return ("model_index.json", *(path for part in self.components for path in part.paths))

    @property
    def get_command(self) -> str | None:
        """What fetches the weights; None when they ship with wantui."""
        return f"wantui pull {self.id}" if self.repository else None


class Quality(_Entry):
    """A named way to trade arithmetic for speed; `faithful` trades nothing."""

    id: str
    name: str
    summary: str
    faithful: bool
