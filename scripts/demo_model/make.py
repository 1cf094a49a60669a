"""Make the demo model from nothing but this code: `python scripts/demo_model/make.py`.

TI2V-5B's architecture in every respect that decides a code path, and about 124,000 parameters.
Random weights from a fixed seed, scaled so that what comes out is bright and moves. The same code
on the same packages makes the same bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any, TypeAlias

import diffusers
import torch
import transformers
from sums import write_sums
from torch import nn
from words import LETTERS, PIECES

Part: TypeAlias = Any
"""A component; diffusers makes its methods at run time, where mypy cannot follow."""
_diffusers: Any = diffusers
_transformers: Any = transformers

WEIGHTS = Path(__file__).parents[2] / "src" / "wantui" / "demo" / "weights"
SEED = 47
TEXT_DIM = 16
LATENT_CHANNELS = 48
ONE = torch.ones(1)
BLUR = torch.tensor([0.25, 0.5, 0.25])
PAST_TO_NOW = torch.tensor([0.0, 0.15, 0.85])
PIXELS_A_PATCH = 4
PAD, END, UNKNOWN, SPACE = "<pad>", "</s>", "<unk>", "▁"
MODEL_INDEX = {
    "_class_name": "WanPipeline",
    "_diffusers_version": "0.35.0.dev0",
    "boundary_ratio": None,
    "expand_timesteps": True,
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}


def vocabulary() -> list[tuple[str, float]]:
    """Every printable ASCII character, and common words and endings that win over them."""
    pieces = [(PAD, 0.0), (END, 0.0), (UNKNOWN, 0.0), (SPACE, -4.0)]
    pieces += [(letter, -6.0) for letter in LETTERS]
    pieces += [(piece, -3.0) for piece in PIECES]
    return pieces


def tokenizer() -> Part:
    return _transformers.T5TokenizerFast(vocab=vocabulary(), extra_ids=0)


def text_encoder() -> Part:
    config = _transformers.UMT5Config(
        vocab_size=len(vocabulary()),
        d_model=TEXT_DIM,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        relative_attention_num_buckets=16,
        relative_attention_max_distance=64,
        feed_forward_proj="gated-gelu",
    )
    return _transformers.UMT5EncoderModel(config)


def transformer() -> Part:
    return _diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        text_dim=TEXT_DIM,
        freq_dim=64,
        ffn_dim=96,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )


def vae() -> Part:
    return _diffusers.AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=8,
        z_dim=LATENT_CHANNELS,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        latents_mean=[0.0] * LATENT_CHANNELS,
        latents_std=[1.0] * LATENT_CHANNELS,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
    )


def scheduler() -> Part:
    return _diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
    )


def initialise(text_encoder: Part, vae: Part) -> None:
    """Random channels, smooth in space and time; gains found by looking at what comes out.

    Left as torch initialises them, the layers make a flat grey with a grid over it.
    """
    for module in vae.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            blur(module)
    colour = vae.decoder.conv_out
    for first in range(0, colour.out_channels, PIXELS_A_PATCH):  # a patch is of one colour
        patch = slice(first, first + PIXELS_A_PATCH)
        colour.weight[patch] = colour.weight[first]
        colour.bias[patch] = 0.0
    colour.weight.mul_(1.4)
    vae.quant_conv.weight.mul_(3.0)
    text_encoder.shared.weight.normal_(0.0, 1.0)


def blur(convolution: nn.Conv2d | nn.Conv3d) -> None:
    """Keep how channels mix, and let every kernel that looks around itself only smooth."""
    *_, height, width = convolution.kernel_size
    kernel = torch.outer(BLUR if height == 3 else ONE, BLUR if width == 3 else ONE)
    if isinstance(convolution, nn.Conv3d):
        time = PAST_TO_NOW if convolution.kernel_size[0] == 3 else ONE
        kernel = time[:, None, None] * kernel
    channels = convolution.in_channels
    mix = torch.randn(convolution.out_channels, channels) / channels**0.5
    convolution.weight.copy_(mix.reshape(*mix.shape, *(1,) * kernel.dim()) * kernel)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)


def make(folder: Path) -> None:
    """Write the model in Diffusers layout, in place of whatever is there."""
    torch.manual_seed(SEED)
    parts = {"transformer": transformer(), "text_encoder": text_encoder(), "vae": vae()}
    with torch.no_grad():
        initialise(parts["text_encoder"], parts["vae"])
    shutil.rmtree(folder, ignore_errors=True)
    for name, part in parts.items():
        part.half().save_pretrained(folder / name)
    scheduler().save_pretrained(folder / "scheduler")
    tokenizer().save_pretrained(folder / "tokenizer")
    write_json(folder / "model_index.json", MODEL_INDEX)
    for path in folder.rglob("*.json"):
        write_json(path, json.loads(path.read_text("utf-8")))
    write_sums(folder)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Compact where it is long: the tokenizer's vocabulary is most of what is not weights."""
    long = path.name == "tokenizer.json"
    separators = (",", ":") if long else None
    text = json.dumps(
        content, ensure_ascii=False, indent=None if long else 1, separators=separators
    )
    path.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=WEIGHTS)
    make(parser.parse_args().folder)
