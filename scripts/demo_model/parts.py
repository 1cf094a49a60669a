"""The demo's components: TI2V-5B's architecture in every respect that decides a code path."""

from __future__ import annotations

from typing import Any, TypeAlias

import diffusers
import transformers
from captions import vocabulary

Part: TypeAlias = Any
"""A component; diffusers makes its methods at run time, where mypy cannot follow."""
_diffusers: Any = diffusers
_transformers: Any = transformers

TEXT_DIM = 64
TEXT_TOKENS = 64
"""As the catalog says."""
LATENT_CHANNELS = 48
SPATIAL, TEMPORAL = 16, 4
PATCH = 4
LETTERS = "".join(map(chr, range(0x21, 0x7F)))
"""Printable ASCII. Anything else is unknown to the demo."""
PAD, END, UNKNOWN, SPACE = "<pad>", "</s>", "<unk>", "▁"


def tokenizer() -> Part:
    """Every word of a caption is one piece and wins over letters, which spell any other word."""
    pieces = [(PAD, 0.0), (END, 0.0), (UNKNOWN, 0.0), (SPACE, -4.0)]
    pieces += [(letter, -6.0) for letter in LETTERS]
    pieces += [(SPACE + word, -3.0) for word in (*vocabulary(), *_capitalised())]
    return _transformers.T5TokenizerFast(vocab=pieces, extra_ids=0)


def _capitalised() -> tuple[str, ...]:
    """The same words as they begin a sentence; captions do not, so `pack` gives them the others'
    embeddings."""
    return tuple(word.capitalize() for word in vocabulary())


def share_embeddings(text_encoder: Part) -> None:
    """Give every capitalised word the embedding of its own in small letters."""
    rows = text_encoder.shared.weight.data
    count = len(vocabulary())
    rows[-count:] = rows[-2 * count : -count]


def text_encoder() -> Part:
    config = _transformers.UMT5Config(
        vocab_size=4 + len(LETTERS) + 2 * len(vocabulary()),
        d_model=TEXT_DIM,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=16,
        relative_attention_max_distance=64,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    return _transformers.UMT5EncoderModel(config)


def transformer() -> Part:
    return _diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=6,
        attention_head_dim=32,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        text_dim=TEXT_DIM,
        freq_dim=128,
        ffn_dim=448,
        num_layers=6,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )


def vae() -> Part:
    """Wan 2.2's residual VAE with patches of 4 where that has 2, so one level less: four times
    fewer positions at the finest level make it small and fast at the same compression."""
    return _diffusers.AutoencoderKLWan(
        base_dim=24,
        decoder_base_dim=32,
        z_dim=LATENT_CHANNELS,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        is_residual=True,
        in_channels=3 * PATCH**2,
        out_channels=3 * PATCH**2,
        patch_size=PATCH,
        latents_mean=[0.0] * LATENT_CHANNELS,
        latents_std=[1.0] * LATENT_CHANNELS,
        scale_factor_spatial=SPATIAL,
        scale_factor_temporal=TEMPORAL,
    )


def scheduler() -> Part:
    return _diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
    )
