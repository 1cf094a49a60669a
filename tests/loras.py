"""Tiny real LoRA files for the demo's transformer, in every naming, and a few for no model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

DIM, FFN, RANK = 192, 448, 4
"""Of the demo's transformer (config/models/demo.toml), and of the LoRAs made here."""
Shapes = dict[str, Sequence[int]]

_OURS = (
    *(f"{attention}.{part}" for attention in ("attn1", "attn2") for part in
      ("to_q", "to_k", "to_v", "to_out.0")),
    "ffn.net.0.proj", "ffn.net.2",
)  # fmt: skip
_THEIRS = (
    *(f"{attention}.{part}" for attention in ("self_attn", "cross_attn") for part in "qkvo"),
    "ffn.0", "ffn.2",
)  # fmt: skip
LAYERS = 2 * len(_OURS)
"""Of each LoRA that is made here, for two of the demo's blocks."""


def lora_file(shapes: Mapping[str, Sequence[int]], fill: int = 0, dtype: str = "F32") -> bytes:
    """A lawful file in which every byte of every tensor is `fill`."""
    width = {"F32": 4, "BF16": 2, "U8": 1}[dtype]
    header: dict[str, Any] = {}
    at = 0
    for name, shape in shapes.items():
        size = width
        for side in shape:
            size *= side
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + bytes([fill]) * at


def size_of(module: str, dim: int = DIM, ffn: int = FFN) -> tuple[int, int]:
    """Outputs and inputs of a block's linear, in either naming."""
    if module in ("ffn.0", "ffn.net.0.proj"):
        return ffn, dim
    return (dim, ffn) if module in ("ffn.2", "ffn.net.2") else (dim, dim)


def diffusers_shapes(
    rank: int = RANK, blocks: Sequence[int] = (0, 1), dim: int = DIM, ffn: int = FFN
) -> Shapes:
    shapes: Shapes = {}
    for block in blocks:
        for module in _OURS:
            outputs, inputs = size_of(module, dim, ffn)
            shapes[f"transformer.blocks.{block}.{module}.lora_A.weight"] = (rank, inputs)
            shapes[f"transformer.blocks.{block}.{module}.lora_B.weight"] = (outputs, rank)
    return shapes


def original_shapes(
    rank: int = RANK, blocks: Sequence[int] = (0, 1), dim: int = DIM, ffn: int = FFN
) -> Shapes:
    """With alphas, differences of biases and of a norm, as distilled ones have them."""
    shapes: Shapes = {}
    for block in blocks:
        for module in _THEIRS:
            outputs, inputs = size_of(module, dim, ffn)
            name = f"diffusion_model.blocks.{block}.{module}"
            shapes[f"{name}.lora_down.weight"] = (rank, inputs)
            shapes[f"{name}.lora_up.weight"] = (outputs, rank)
            shapes[f"{name}.alpha"] = ()
            shapes[f"{name}.diff_b"] = (outputs,)
        shapes[f"diffusion_model.blocks.{block}.norm3.diff"] = (dim,)
    return shapes


def kohya_shapes(
    rank: int = RANK, blocks: Sequence[int] = (0, 1), dim: int = DIM, ffn: int = FFN
) -> Shapes:
    shapes: Shapes = {}
    for block in blocks:
        for module in _THEIRS:
            outputs, inputs = size_of(module, dim, ffn)
            name = f"lora_unet_blocks_{block}_{module.replace('.', '_')}"
            shapes[f"{name}.lora_down.weight"] = (rank, inputs)
            shapes[f"{name}.lora_up.weight"] = (outputs, rank)
            shapes[f"{name}.alpha"] = ()
    return shapes
