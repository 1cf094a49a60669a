"""Tiny models with random weights, of the real classes and in the real layout.

Each has its big sibling's structure in everything that decides the code path: two experts or one,
channels, VAE layout, sharded safetensors with an index. A build takes a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

# their classes are made at run time, where mypy cannot follow
AutoencoderKLWan: Any = diffusers.AutoencoderKLWan
UniPCMultistepScheduler: Any = diffusers.UniPCMultistepScheduler
WanTransformer3DModel: Any = diffusers.WanTransformer3DModel
_transformers: Any = transformers
UMT5Config = _transformers.UMT5Config
UMT5EncoderModel = _transformers.UMT5EncoderModel
T5TokenizerFast = _transformers.T5TokenizerFast

TEXT_TOKENS = 16
BOUNDARY = 0.875
SHARD = "20KB"
_TEXT_DIM = 32
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"()[]-/&"


def text_to_video(folder: Path) -> Path:
    """As T2V-A14B: two experts of 16 channels, the VAE of Wan 2.1."""
    _save_shared(folder, _vae_2_1())
    _save_transformer(folder / "transformer", in_channels=16, out_channels=16, seed=1)
    _save_transformer(folder / "transformer_2", in_channels=16, out_channels=16, seed=2)
    return _save_index(folder, "WanPipeline", boundary_ratio=BOUNDARY, experts=2)


def image_to_video(folder: Path) -> Path:
    """As I2V-A14B: two experts of 36 channels in and 16 out, the VAE of Wan 2.1."""
    _save_shared(folder, _vae_2_1())
    _save_transformer(folder / "transformer", in_channels=36, out_channels=16, seed=1)
    _save_transformer(folder / "transformer_2", in_channels=36, out_channels=16, seed=2)
    return _save_index(folder, "WanImageToVideoPipeline", boundary_ratio=BOUNDARY, experts=2)


def text_image_to_video(folder: Path) -> Path:
    """As TI2V-5B: one transformer of 48 channels, the VAE of Wan 2.2."""
    _save_shared(folder, _vae_2_2())
    _save_transformer(folder / "transformer", in_channels=48, out_channels=48, seed=1)
    return _save_index(folder, "WanPipeline", boundary_ratio=None, experts=1)


def quantisable(folder: Path) -> Path:
    """As T2V-A14B, in sizes that are whole blocks of GGUF's encodings."""
    _save_shared(folder, _vae_2_1())
    for name, seed in (("transformer", 1), ("transformer_2", 2)):
        _save_transformer(folder / name, in_channels=16, out_channels=16, seed=seed, head_dim=16)
    return _save_index(folder, "WanPipeline", boundary_ratio=BOUNDARY, experts=2)


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "t2v": text_to_video,
    "i2v": image_to_video,
    "ti2v": text_image_to_video,
}


def _save_index(folder: Path, pipeline: str, *, boundary_ratio: float | None, experts: int) -> Path:
    transformer = ["diffusers", "WanTransformer3DModel"]
    index: dict[str, Any] = {
        "_class_name": pipeline,
        "_diffusers_version": "0.35.0.dev0",
        "boundary_ratio": boundary_ratio,
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "transformer": transformer,
        "transformer_2": transformer if experts == 2 else [None, None],
        "vae": ["diffusers", "AutoencoderKLWan"],
    }
    if pipeline == "WanImageToVideoPipeline":
        index |= {"image_encoder": [None, None], "image_processor": [None, None]}
    if experts == 1:
        index["expand_timesteps"] = True
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
    return folder


def _save_shared(folder: Path, vae: Any) -> None:
    vae.save_pretrained(folder / "vae")
    _text_encoder().save_pretrained(folder / "text_encoder", max_shard_size=SHARD)
    _tokenizer().save_pretrained(folder / "tokenizer")
    # the hub's says 3.0 too: the shift that counts is the job's
    UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    ).save_pretrained(folder / "scheduler")


def _save_transformer(
    folder: Path, *, in_channels: int, out_channels: int, seed: int, head_dim: int = 12
) -> None:
    torch.manual_seed(seed)
    WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=head_dim,
        in_channels=in_channels,
        out_channels=out_channels,
        text_dim=_TEXT_DIM,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    ).save_pretrained(folder, max_shard_size=SHARD)


def _vae_2_1() -> Any:
    torch.manual_seed(0)
    return AutoencoderKLWan(
        base_dim=3,
        z_dim=16,
        dim_mult=[1] * 4,
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )


def _vae_2_2() -> Any:
    torch.manual_seed(0)
    return AutoencoderKLWan(
        base_dim=3,
        z_dim=48,
        dim_mult=[1] * 4,
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        latents_mean=[0.1] * 48,
        latents_std=[1.3] * 48,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
    )


def _text_encoder() -> Any:
    torch.manual_seed(0)
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=256,
            d_model=_TEXT_DIM,
            d_kv=8,
            d_ff=37,
            num_layers=2,
            num_heads=4,
            relative_attention_num_buckets=8,
            feed_forward_proj="gated-gelu",
        )
    ).eval()


def _tokenizer() -> Any:
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    vocab += [(letter, -3.0) for letter in _LETTERS]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return T5TokenizerFast(tokenizer_object=tokenizer, vocab=vocab, extra_ids=0)
