"""The border to diffusers and transformers, whose classes say little of their types.

Components are made here, without memory, from the configurations of a Diffusers folder, and are
`Any` from here on: their attributes are made at run time, where mypy cannot follow.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch

from wantui.pipe.lora_shapes import LayerSize
from wantui.worker.imports import unseen

with unseen("peft"), unseen("gguf"):  # few jobs need them
    import diffusers
    import transformers
    from diffusers.loaders import single_file_utils
    from diffusers.models import attention_dispatch
    from diffusers.models.autoencoders import autoencoder_kl_wan
    from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed
    from diffusers.utils import torch_utils

from wantui.api.job import Sampler
from wantui.errors import EngineMissing

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

_PUBLISHED = "self_attn."
"""What a name has in files that are named as Wan's own code does."""

_attention: Any = attention_dispatch
_autoencoder: Any = autoencoder_kl_wan
_single_file: Any = single_file_utils
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


def kept_modules(class_name: str) -> frozenset[str]:
    """The names by which `kept_in_fp32` goes, for a class of component; none for all others."""
    if class_name != "WanTransformer3DModel":
        return frozenset()
    return frozenset(_diffusers.WanTransformer3DModel._keep_in_fp32_modules)  # noqa: SLF001 - as above


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


def names_by_key(names: Iterable[str]) -> dict[str, str]:
    """A file's names, diffusers' own or those of Wan's code, by the transformer's keys."""
    named = {name: name for name in names}
    if not any(_PUBLISHED in name for name in named):
        return named
    keys: dict[str, str] = _single_file.convert_wan_transformer_to_diffusers(named)
    return keys


def is_decodable(encoding: int) -> bool:
    """Whether tensors in this encoding, by ggml's number, can be computed with."""
    return encoding in _gguf().SUPPORTED_GGUF_QUANT_TYPES


def quantise_layer(transformer: Transformer, name: str, compute_dtype: torch.dtype) -> None:
    """Put a layer that dequantises its weight in each forward in a linear one's place."""
    parent, _, attribute = name.rpartition(".")
    layer = transformer.get_submodule(name)
    with torch.device("meta"):
        quantised = _gguf().GGUFLinear(
            layer.in_features, layer.out_features, layer.bias is not None, compute_dtype
        )
    setattr(transformer.get_submodule(parent), attribute, quantised)


def quantised(tensor: torch.Tensor, encoding: int) -> torch.nn.Parameter:
    """Encoded bytes as the parameter of a quantised layer, in the same memory."""
    parameter: torch.nn.Parameter = _gguf().GGUFParameter(tensor, quant_type=encoding)
    return parameter


def decoded(tensor: torch.Tensor, encoding: int) -> torch.Tensor:
    """The numbers that encoded bytes stand for."""
    numbers: torch.Tensor = _gguf().dequantize_gguf_tensor(quantised(tensor, encoding))
    return numbers


def parameter_count(module: torch.nn.Module) -> int:
    """How many numbers it has, however they are encoded."""
    return sum(math.prod(getattr(p, "quant_shape", p.shape)) for p in module.parameters())


def _gguf() -> Any:  # noqa: ANN401 - a module without types
    """Imported by a worker that a quantised model comes to, and no other. Raises EngineMissing."""
    try:
        return importlib.import_module("diffusers.quantizers.gguf.utils")
    except ImportError as error:
        raise EngineMissing(f"the engine lacks a package: {error.name}") from error


def attention_backends() -> tuple[str, ...]:
    """diffusers' names of those that run without fetching a kernel from a hub."""
    every = (backend.value for backend in _attention.AttentionBackendName)
    return tuple(name for name in every if not name.endswith("_hub") and "varlen" not in name)


def attend(backend: str, numbers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Attention of queries, keys and values: batch, tokens, heads, width.

    Raises RuntimeError saying what is missing, or whatever the kernel does.
    """
    wanted = _attention.AttentionBackendName(backend)
    _attention._check_attention_backend_requirements(wanted)  # noqa: SLF001 - its only name
    with torch.inference_mode():
        made: torch.Tensor = _attention.dispatch_attention_fn(*numbers, backend=wanted)
    return made


def versions(*, loras: bool = False) -> dict[str, str]:
    """Of the packages whose arithmetic decides the frames, with `loras` or without."""
    found = {package.__name__: package.__version__ for package in (torch, diffusers, transformers)}
    return found | {"peft": package_version("peft")} if loras else found


def silence_progress_bars() -> None:
    """Nobody watches a worker's output: it is a log."""
    _diffusers.utils.logging.disable_progress_bar()
    _transformers.utils.logging.disable_progress_bar()


def add_lora(
    transformer: Transformer,
    state: dict[str, torch.Tensor],
    name: str,
    config: dict[str, Any] | None,
) -> None:
    """Put PEFT's layers around those that `state` names; without `config` alpha is the rank.

    Raises ValueError or RuntimeError.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # a second one is meant
        transformer.load_lora_adapter(
            state, prefix=None, adapter_name=name, metadata=config, low_cpu_mem_usage=True
        )


def weigh_loras(transformer: Transformer, strengths: Mapping[str, float]) -> None:
    """Have these LoRAs take part, and no other, each with its strength."""
    _diffusers.utils.set_weights_and_activate_adapters(
        transformer, list(strengths), list(strengths.values())
    )
    transformer.requires_grad_(requires_grad=False)  # what takes part is to be trained, says PEFT


def remove_loras(transformer: Transformer) -> None:
    """Put every layer back where PEFT's is around it."""
    _diffusers.utils.recurse_remove_peft_layers(transformer)
    if hasattr(transformer, "peft_config"):
        del transformer.peft_config
    transformer._hf_peft_config_loaded = False  # noqa: SLF001 - as `unload_lora` leaves it


def base_layer(module: torch.nn.Module) -> torch.nn.Module:
    """The model's own layer, where PEFT's may be around it."""
    inner: torch.nn.Module = getattr(module, "base_layer", module)
    return inner


def layer_size(module: torch.nn.Module) -> LayerSize | None:
    """Of a layer that a product can go beside; else None."""
    match base_layer(module):
        case torch.nn.Linear() as linear:
            return LayerSize(linear.out_features, linear.in_features)
        case torch.nn.Conv3d() as convolution:
            kernel = tuple(convolution.kernel_size)
            return LayerSize(convolution.out_channels, convolution.in_channels, kernel)
        case _:
            return None
