"""The names of a LoRA's tensors: which module of the transformer each is for, and what it is of it.

Three schools name them: diffusers and PEFT, the original Wan code, and kohya's trainers, which
write underscores for dots. Source: diffusers' `loaders/lora_conversion_utils.py` and the modules of
`WanTransformer3DModel`; modules are called here as they are there.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from wantui.api.adapter import LoraNaming

MAX_NAME = 300
"""Characters. No name of theirs is half as long."""


class Piece(enum.Enum):
    """What a tensor is of its module's change."""

    DOWN = "down"
    """rank x in."""
    UP = "up"
    """out x rank."""
    ALPHA = "alpha"
    """A scalar: the product is scaled by alpha / rank."""
    DIFF = "diff"
    """Added to the weight as it is."""
    BIAS_DIFF = "bias_diff"


class TensorName(NamedTuple):
    module: str
    """In diffusers' names, such as `blocks.0.attn1.to_q`."""
    piece: Piece
    naming: LoraNaming


_PREFIX = re.compile(
    r"(?P<kohya>lora_unet_)|(?:base_model\.model\.)?(?:(?:model\.)?diffusion_model\.|transformer\.)?"
)
_ENDINGS = tuple(
    (re.compile(rf"(.+)\.(?:{ending})"), piece)
    for ending, piece in (
        (r"(?:lora_A(?:\.\w+)?|lora[_.]down)\.weight", Piece.DOWN),
        (r"(?:lora_B(?:\.\w+)?|lora[_.]up)\.weight", Piece.UP),
        (r"alpha", Piece.ALPHA),
        (r"diff", Piece.DIFF),
        (r"diff_b|lora_B(?:\.\w+)?\.bias", Piece.BIAS_DIFF),
    )
)
_BLOCK = re.compile(r"blocks_(0|[1-9]\d{0,3})_(.+)")
_IMAGE_BRANCH = re.compile(
    r"blocks\.\d+\.attn2\.(add_[kv]_proj|norm_added_[kq])|.*image_embedder.*"
)

_IN_BLOCK = {
    **{
        f"{theirs}.{part}": f"{ours}.{name}"
        for theirs, ours in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for part, name in (
            ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0"),
            ("norm_q", "norm_q"), ("norm_k", "norm_k"),
        )
    },
    "cross_attn.k_img": "attn2.add_k_proj",
    "cross_attn.v_img": "attn2.add_v_proj",
    "cross_attn.norm_k_img": "attn2.norm_added_k",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
    "norm3": "norm2",  # the code that came first counts them in another order
    "modulation": "scale_shift_table",
}  # fmt: skip
_OUTSIDE = {
    "patch_embedding": "patch_embedding",
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "img_emb.proj.0": "condition_embedder.image_embedder.norm1",
    "img_emb.proj.1": "condition_embedder.image_embedder.ff.net.0.proj",
    "img_emb.proj.3": "condition_embedder.image_embedder.ff.net.2",
    "img_emb.proj.4": "condition_embedder.image_embedder.norm2",
    "head.head": "proj_out",
    "head.modulation": "scale_shift_table",
}


class _Module(NamedTuple):
    name: str
    naming: LoraNaming


def _both_ways(table: dict[str, str]) -> dict[str, _Module]:
    """By name with underscores for dots, in the original's naming and in diffusers'."""
    original = {_flat(name): _Module(ours, LoraNaming.ORIGINAL) for name, ours in table.items()}
    own = {_flat(ours): _Module(ours, LoraNaming.DIFFUSERS) for ours in table.values()}
    return original | own


def _flat(module: str) -> str:
    return module.replace(".", "_")


_BLOCK_MODULES = _both_ways(_IN_BLOCK)
_OTHER_MODULES = _both_ways(_OUTSIDE)


def parse_name(name: str) -> TensorName | None:
    """None for a name that no LoRA for Wan has, or whose meaning is not known."""
    if len(name) > MAX_NAME:
        return None
    prefix = _PREFIX.match(name)
    rest = name[prefix.end() :] if prefix else name
    for ending, piece in _ENDINGS:
        if match := ending.fullmatch(rest):
            module = _module(_flat(match[1]))
            if module is None:
                return None
            kohya = prefix is not None and prefix["kohya"]
            return TensorName(module.name, piece, LoraNaming.KOHYA if kohya else module.naming)
    return None


def of_image_branch(module: str) -> bool:
    """Whether a module is one of Wan 2.1's for images, which no Wan 2.2 model has."""
    return _IMAGE_BRANCH.fullmatch(module) is not None


def _module(flat: str) -> _Module | None:
    if block := _BLOCK.fullmatch(flat):
        found = _BLOCK_MODULES.get(block[2])
        return _Module(f"blocks.{block[1]}.{found.name}", found.naming) if found else None
    return _OTHER_MODULES.get(flat)
