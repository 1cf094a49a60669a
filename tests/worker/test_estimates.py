"""The formulas of `hardware.estimates` against the real classes, at the published sizes."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.worker.live import FlashAttention, LiveBytes
from wantui.api.plan import DType
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Architecture, Decoder, Recipe
from wantui.hardware.estimates.activations import forward_bytes
from wantui.hardware.estimates.case import HEAVIEST
from wantui.hardware.estimates.decoder import cache_bytes, decode_flops, working_bytes
from wantui.hardware.estimates.video import Latents, default_video
from wantui.hardware.estimates.weights import weight_bytes
from wantui.hardware.estimates.work import forward_flops
from wantui.paths import shipped_config
from wantui.worker import engine
from wantui.worker.tensor_file import DTYPES

CATALOG = Catalog.load(shipped_config())
HEAD = 128
"""Width of an attention head of every published model."""
TEXT_TOKENS = 512


class Made(NamedTuple):
    transformer: Any
    inputs: dict[str, Any]


def made_of(recipe: Recipe) -> Architecture:
    assert recipe.architecture is not None
    return recipe.architecture


def transformer(recipe: Recipe, dtype: DType, latents: Latents, layers: int) -> Made:
    """The real class in real widths; memory does not depend on how many layers it has."""
    sizes = made_of(recipe)
    model = engine.meta_transformer(
        {
            "num_attention_heads": sizes.dim // HEAD,
            "attention_head_dim": HEAD,
            "in_channels": sizes.in_channels,
            "out_channels": sizes.out_channels,
            "text_dim": sizes.text_dim,
            "freq_dim": sizes.freq_dim,
            "ffn_dim": sizes.ffn_dim,
            "num_layers": layers,
            "cross_attn_norm": True,
            "qk_norm": "rms_norm_across_heads",
            "rope_max_seq_len": 1024,
        }
    )
    for name, parameter in model.named_parameters():
        kept = engine.kept_in_fp32(model, name)
        parameter.data = parameter.data.to(torch.float32 if kept else DTYPES[dtype])
    model.rope.to("meta")
    meta: dict[str, Any] = {"device": "meta", "dtype": DTYPES[dtype]}
    shape = (1, sizes.in_channels, latents.frames, latents.rows, latents.columns)
    steps = (1, latents.tokens) if recipe.expand_timesteps else (1,)
    inputs = {
        "hidden_states": torch.empty(shape, **meta),
        "timestep": torch.empty(steps, device="meta"),
        "encoder_hidden_states": torch.empty(1, TEXT_TOKENS, sizes.text_dim, **meta),
    }
    return Made(model.eval().requires_grad_(requires_grad=False), inputs)


@pytest.mark.parametrize("dtype", list(DType))
@pytest.mark.parametrize(
    ("model", "size"), [("t2v-a14b", (1280, 720)), ("i2v-a14b", (832, 480)), ("ti2v-5b", None)]
)
def test_a_forward_takes_the_bytes_that_are_estimated(
    model: str, size: tuple[int, int] | None, dtype: DType
) -> None:
    recipe = CATALOG.model(model)
    width, height = size or (recipe.defaults.width, recipe.defaults.height)
    extent = recipe.defaults.model_copy(update={"width": width, "height": height})
    latents = Latents.of(recipe, default_video(recipe, extent))
    made = transformer(recipe, dtype, latents, layers=2)
    with torch.inference_mode(), FlashAttention(), LiveBytes() as live:
        made.transformer(**made.inputs, return_dict=False)
    assert forward_bytes(recipe, latents.tokens, dtype) == pytest.approx(live.peak, rel=0.02)


@pytest.mark.parametrize("model", ["t2v-a14b", "ti2v-5b"])
def test_a_forward_is_the_work_that_is_estimated(model: str) -> None:
    recipe = CATALOG.model(model)
    latents = Latents(5, 32, 32)
    layers = 3
    made = transformer(recipe, DType.FLOAT32, latents, layers)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        made.transformer(**made.inputs, return_dict=False)
    few = made_of(recipe).model_copy(update={"blocks": layers})
    estimated = forward_flops(
        few, latents.tokens, TEXT_TOKENS, timestep_a_token=recipe.expand_timesteps
    )
    assert estimated == pytest.approx(counter.get_total_flops(), rel=0.03)


def test_the_work_of_published_sizes_is_what_is_known() -> None:
    recipe = CATALOG.model("t2v-a14b")
    assert forward_flops(made_of(recipe), 32_760, 512) == pytest.approx(1.7e15, rel=0.02)
    assert forward_flops(made_of(recipe), 75_600, 512) == pytest.approx(6.5e15, rel=0.01)


def vae(decoder: Decoder, stride: int) -> Any:
    levels = len(decoder.dim_mult) - 1
    patch = stride // 2**levels
    return engine.meta_vae(
        {
            "base_dim": decoder.dim,
            "decoder_base_dim": decoder.dim,
            "z_dim": decoder.latent_channels,
            "dim_mult": list(decoder.dim_mult),
            "num_res_blocks": decoder.res_blocks,
            "temperal_downsample": list(reversed(decoder.upsamples_frames)),
            "is_residual": decoder.residual,
            "in_channels": decoder.out_channels,
            "out_channels": decoder.out_channels,
            "patch_size": patch if patch > 1 else None,
            "latents_mean": [0.0] * decoder.latent_channels,
            "latents_std": [1.0] * decoder.latent_channels,
        }
    )


@pytest.mark.parametrize(
    ("model", "cache"), [("t2v-a14b", 8.7e9), ("ti2v-5b", 6.4e9), ("demo", None)]
)
def test_decoding_takes_the_bytes_and_the_work_that_are_estimated(
    model: str, cache: float | None
) -> None:
    recipe = CATALOG.model(model)
    decoder = recipe.decoder
    assert decoder is not None
    latents = Latents.of(recipe, default_video(recipe))
    module = vae(decoder, recipe.vae_stride[1])
    seen: list[Any] = [None] * module._cached_conv_counts["decoder"]
    channels = decoder.latent_channels
    z = torch.empty(1, channels, 1, latents.rows, latents.columns, device="meta")

    def decode(*, first: bool) -> None:
        module.decoder(module.post_quant_conv(z), feat_cache=seen, feat_idx=[0], first_chunk=first)

    with torch.inference_mode(), LiveBytes() as live:
        for index in range(3):
            decode(first=index == 0)
        kept = sum(tensor.untyped_storage().nbytes() for tensor in seen if tensor is not None)
        with FlopCounterMode(display=False) as counter:
            decode(first=False)
    area = latents.area
    assert cache_bytes(decoder, area) == kept
    assert cache is None or kept == pytest.approx(cache, rel=0.01)
    assert kept + working_bytes(decoder, area) == pytest.approx(live.peak, rel=0.06)
    a_frame = Latents(1, latents.rows, latents.columns)
    assert decode_flops(decoder, a_frame) == pytest.approx(counter.get_total_flops(), rel=0.2)


def test_a_decoder_that_nobody_described_is_taken_for_the_heaviest() -> None:
    heaviest = CATALOG.model("ti2v-5b").decoder
    assert heaviest == HEAVIEST


@pytest.mark.parametrize("model", ["t2v-a14b", "i2v-a14b", "ti2v-5b"])
def test_an_expert_takes_the_bytes_that_are_estimated(model: str) -> None:
    recipe = CATALOG.model(model)
    sizes = made_of(recipe)
    made = transformer(recipe, DType.BFLOAT16, Latents(1, 2, 2), layers=sizes.blocks)
    whole = sum(p.nbytes for p in made.transformer.parameters())
    block = sum(p.nbytes for p in made.transformer.blocks[0].parameters())
    weights = weight_bytes(recipe, None, DType.BFLOAT16)
    assert weights.experts[0] == whole
    assert weights.block == block
