"""The border to diffusers and transformers, whose classes say little of their types.

Components are made here, without memory, from the configurations of a Diffusers folder, and are
`Any` from here on: their attributes are made at run time, where mypy cannot follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import diffusers
import torch
import transformers
from diffusers.models.autoencoders import autoencoder_kl_wan
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed
from diffusers.utils import torch_utils

from wantui.api.job import Sampler

Transformer: TypeAlias = Any
"""A `diffusers.WanTransformer3DModel`."""
Vae: TypeAlias = Any
"""A `diffusers.AutoencoderKLWan`."""
TextEncoder: TypeAlias = Any
"""A `transformers.UMT5EncoderModel`."""
Tokenizer: TypeAlias = Any
"""A `transformers.T5TokenizerFast`."""
Scheduler: TypeAlias = Any
"""A diffusers scheduler; `SAMPLERS` says which."""

_FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
"""Without these the multistep solvers take a velocity for noise, and sigmas of another process."""


class SamplerKind(NamedTuple):
    """How a sampler is made from a folder's scheduler configuration."""

    scheduler: Any
    shift: str
    """What its class calls the flow shift."""
    settings: Mapping[str, Any]
    """Of its class, whatever the folder's configuration says."""
    rounds_latents: bool
    """Whether a step leaves latents in the velocity's type, bf16 on a GPU, instead of fp32."""

    def made(self, config: dict[str, Any], shift: float) -> Scheduler:
        return self.scheduler.from_config(config, **self.settings, **{self.shift: shift})


SAMPLERS: Mapping[Sampler, SamplerKind] = {
    Sampler.UNIPC: SamplerKind(
        diffusers.UniPCMultistepScheduler, "flow_shift", _FLOW, rounds_latents=False
    ),
    Sampler.DPM: SamplerKind(
        diffusers.DPMSolverMultistepScheduler, "flow_shift", _FLOW, rounds_latents=False
    ),
    Sampler.EULER: SamplerKind(
        diffusers.FlowMatchEulerDiscreteScheduler, "shift", {}, rounds_latents=True
    ),
}

_autoencoder: Any = autoencoder_kl_wan
_diffusers: Any = diffusers
_transformers: Any = transformers

unpatchify = _autoencoder.unpatchify
randn_tensor = torch_utils.randn_tensor


def meta_transformer(config: dict[str, Any]) -> Transformer:
    """Without tensors: they come with the weights, and the rotary tables with `add_rope`."""
    with torch.device("meta"):
        return _diffusers.WanTransformer3DModel.from_config(config)


def add_rope(transformer: Transformer, device: torch.device) -> None:
    """Compute the rotary tables, which are in no file and which the meta device does not make."""
    config = transformer.config
    transformer.rope = WanRotaryPosEmbed(
        config.attention_head_dim, tuple(config.patch_size), config.rope_max_seq_len
    ).to(device)


def kept_in_fp32(transformer: Transformer, key: str) -> bool:
    """Whether diffusers keeps this tensor in fp32 whatever the type of the others."""
    return not set(transformer._keep_in_fp32_modules).isdisjoint(key.split("."))  # noqa: SLF001 - its only name


def ignored_keys(transformer: Transformer) -> tuple[str, ...]:
    """Patterns of keys in published files that no module has."""
    return tuple(transformer._keys_to_ignore_on_load_unexpected or ())  # noqa: SLF001 - its only name


def meta_vae(config: dict[str, Any]) -> Vae:
    """Without tensors: all of them come with the weights."""
    with torch.device("meta"):
        return _diffusers.AutoencoderKLWan.from_config(config)


def meta_text_encoder(config: dict[str, Any]) -> TextEncoder:
    """Without tensors: all of them come with the weights, and `tie_embedding`."""
    with torch.device("meta"):
        return _transformers.UMT5EncoderModel(_transformers.UMT5Config.from_dict(config))


TIED_EMBEDDING = "encoder.embed_tokens.weight"


def tie_embedding(text_encoder: TextEncoder) -> None:
    """UMT5's encoder shares its embedding with `shared`; files hold it once."""
    text_encoder.encoder.embed_tokens.weight = text_encoder.shared.weight


def tokenizer(folder: Path) -> Tokenizer:
    """The class that the published models name. Raises OSError or ValueError."""
    return _transformers.T5TokenizerFast.from_pretrained(folder, local_files_only=True)


def versions() -> dict[str, str]:
    """Of the packages whose arithmetic decides the frames."""
    return {package.__name__: package.__version__ for package in (torch, diffusers, transformers)}


def silence_progress_bars() -> None:
    """Nobody watches a worker's output: it is a log."""
    _diffusers.utils.logging.disable_progress_bar()
    _transformers.utils.logging.disable_progress_bar()
