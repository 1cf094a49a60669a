"""A recipe: what a model is, where its components come from, and its official parameters."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator

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


class Source(NamedTuple):
    """What comes from one repository of the hub."""

    repository: str
    paths: tuple[str, ...]
    """Relative to it."""


class Component(_Entry):
    name: str
    class_name: str
    files: tuple[str, ...]
    """Besides the weights, relative to the component's folder."""
    parameter_count: int | None = None
    config: dict[str, Any] | None = None
    """What of the published `config.json` decides the module's shape: for building it without
    memory before any file is here. None where a file beside the weights says it."""
    weights: Weights | None = None
    gguf: str | None = None
    """The GGUF file that has the weights instead: whole, or relative to its repository."""

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every file, relative to the repository; whole, if it is nowhere in it."""
        weights = self.weights.files if self.weights else ()
        inside = tuple(f"{self.name}/{name}" for name in (*self.files, *weights))
        return inside if self.gguf is None else (*inside, self.gguf)

    def located(self, folder: Path) -> Self:
        """With its GGUF file, if it has one, in this folder."""
        if self.gguf is None:
            return self
        return self.model_validate({**_fields(self), "gguf": str(folder / self.gguf)})

    @property
    def has_weights(self) -> bool:
        return self.weights is not None or self.gguf is not None


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


class Decoder(_Entry):
    """The sizes of a Wan VAE's decoder, by which it is told what decoding takes."""

    dim: int
    """Of its last layers: `decoder_base_dim` of the VAE's configuration, or `base_dim`."""
    dim_mult: tuple[int, ...]
    res_blocks: int
    latent_channels: int
    out_channels: int
    residual: bool
    """The VAE of 2.2, whose levels have shortcuts and do not halve as they upsample."""
    upsamples_frames: tuple[bool, ...]
    """Of each level but the last, from the latents up."""


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
    gguf_repository: str | None = None
    """Where its GGUF files are, if they are in another repository than all else."""
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
    words: tuple[str, ...] = ()
    """All that it was taught, of one that was taught only a few."""
    defaults: RecipeDefaults
    limits: Limits
    architecture: Architecture | None = None
    """None where nobody wrote it down: no adapter is told to fit."""
    decoder: Decoder | None = None
    """None where nobody wrote it down: decoding is taken to be as heavy as any of Wan's."""
    components: tuple[Component, ...]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every file that a load needs, relative to the repository; whole, if it is elsewhere."""
        return ("model_index.json", *(path for part in self.components for path in part.paths))

    @cached_property
    def repository_paths(self) -> tuple[str, ...]:
        """Those of them that its repository has, or its folder: not what is elsewhere."""
        elsewhere = self._gguf_paths if self.gguf_repository else ()
        return tuple(
            path for path in self.paths if not path.startswith("/") and path not in elsewhere
        )

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """What is fetched; all else ships with wantui, or is the user's own."""
        found = []
        if self.repository is not None:
            found.append(Source(self.repository, self.repository_paths))
        if self.gguf_repository is not None:
            found.append(Source(self.gguf_repository, self._gguf_paths))
        return tuple(found)

    @property
    def _gguf_paths(self) -> tuple[str, ...]:
        return tuple(part.gguf for part in self.components if part.gguf is not None)

    def brings(self, path: str) -> bool:
        """Whether a file comes with the model, rather than being the user's own, elsewhere."""
        return self.gguf_repository is not None or path in self.repository_paths

    def located(self, gguf_folder: Path | str) -> Self:
        """With the GGUF files of their own repository whole, as they lie in this folder."""
        if self.gguf_repository is None:
            return self
        parts = tuple(part.located(Path(gguf_folder)) for part in self.components)
        return self.model_validate({**_fields(self), "components": parts})

    @property
    def is_quantised(self) -> bool:
        """Whether its weights are not the published numbers: nothing made with it is faithful."""
        return any(part.gguf is not None for part in self.components)

    @property
    def has_two_experts(self) -> bool:
        """One for high and one for low noise, rather than one for all of it."""
        return self.boundary is not None

    @property
    def get_command(self) -> str | None:
        """What fetches the weights; None when they ship with wantui."""
        return f"wantui pull {self.id}" if self.sources else None


def _fields(entry: _Entry) -> dict[str, object]:
    """Without what was computed of them: `model_copy` takes that along."""
    return {name: getattr(entry, name) for name in type(entry).model_fields}


class QualityDefaults(_Entry):
    """Parameters that a quality has other defaults for than the model; None leaves the model's."""

    steps: int | None = None
    guidance: float | None = None
    """For both experts."""
    shift: float | None = None


class QualityAdapter(_Entry):
    """A LoRA without which a quality's parameters make noise, and where it comes from."""

    expert: Literal["high", "low"]
    """Which it is for; the high-noise one, or the only one."""
    repository: str | None = None
    """On the hub, `owner/name`; without one the user is to say which LoRA it is."""
    file: str | None = None
    """Its path in the repository."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.repository is None) != (self.file is None):
            raise ValueError("a source is a repository and a file")
        return self


class Quality(_Entry):
    """A named way to trade arithmetic for speed; `faithful` trades nothing."""

    id: str
    name: str
    summary: str
    faithful: bool
    defaults: QualityDefaults = QualityDefaults()
    """A user's own values win over these, as these do over the official ones."""
    adapters: tuple[QualityAdapter, ...] = ()

    def applied_to(self, recipe: Recipe) -> Recipe:
        """A model with the defaults that it has in this quality."""
        update: dict[str, object] = self.defaults.model_dump(exclude_none=True)
        if "guidance" in update and recipe.defaults.guidance_low is not None:
            update["guidance_low"] = update["guidance"]
        defaults = recipe.defaults.model_copy(update=update)
        return recipe.model_copy(update={"defaults": defaults})
