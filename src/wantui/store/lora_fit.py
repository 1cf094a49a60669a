"""Which models of the catalog a LoRA fits, told from the sizes of its layers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from wantui.catalog.recipe import Architecture, Recipe
from wantui.errors import AdapterUnfit
from wantui.pipe.lora_names import Piece
from wantui.pipe.lora_shapes import LayerSize
from wantui.store.header import Tensor
from wantui.store.lora import Layer, Lora
from wantui.text import one_line

_PATCH = (1, 2, 2)
"""Latent frames, rows and columns that make a token."""
_BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")


def base_models(lora: Lora, recipes: Iterable[Recipe], file: str) -> tuple[str, ...]:
    """Ids of the models whose transformer has every layer, in its size. Raises AdapterUnfit."""
    known = {recipe.id: recipe.architecture for recipe in recipes if recipe.architecture}
    problems = {id: _misfit(lora, architecture) for id, architecture in known.items()}
    if fitting := tuple(id for id, problem in problems.items() if problem is None):
        return fitting
    made_for = "of unknown width" if lora.dim is None else f"of dim {lora.dim}"
    near = next((id for id, architecture in known.items() if architecture.dim == lora.dim), None)
    raise AdapterUnfit(
        f"{one_line(file, 100)!r} fits no model: it is for a transformer {made_for} with at least "
        f"{lora.blocks} blocks" + (f"; as for {near}, {problems[near]}" if near else ""),
        hint="models: "
        + ", ".join(f"{id} (dim {a.dim}, {a.blocks} blocks)" for id, a in known.items()),
        detail={"dim": lora.dim, "blocks": lora.blocks, "rank": lora.rank, "problems": problems},
    )


def misfit(lora: Lora, recipe: Recipe) -> str | None:
    """What of a LoRA has no place in a model; None if it fits."""
    if recipe.architecture is None:
        return "nobody wrote down the sizes of its layers ([architecture] in its file)"
    return _misfit(lora, recipe.architecture)


def _misfit(lora: Lora, architecture: Architecture) -> str | None:
    """The first layer that such a transformer has not, or in another size; None if it fits."""
    sizes = _sizes(architecture)
    for module, layer in lora.layers.items():
        block = _BLOCK.fullmatch(module)
        if block and int(block[1]) >= architecture.blocks:
            return f"it has {architecture.blocks} blocks and no {module}"
        size = sizes.get(f"block.{block[2]}" if block else module)
        if size is None:
            return f"it has no {module}"
        if problem := _wrong_size(layer, size):
            return f"its {module} is {size}: {problem}"
    return None


def _wrong_size(layer: Layer, size: LayerSize) -> str | None:
    for piece, tensor in layer.items():
        if not _fits(piece, tensor, size):
            return f"the LoRA's {piece.value} is {' x '.join(map(str, tensor.shape))}"
    return None


def _fits(piece: Piece, tensor: Tensor, size: LayerSize) -> bool:
    match piece:
        case Piece.DOWN:
            return size.takes_down(tensor.shape)
        case Piece.UP:
            return size.takes_up(tensor.shape)
        case Piece.DIFF:
            return math.prod(tensor.shape) == math.prod(size.weight)
        case Piece.BIAS_DIFF:
            return tensor.shape == (size.outputs,)
        case Piece.ALPHA:
            return True


def _sizes(a: Architecture) -> dict[str, LayerSize]:
    """Every module of a Wan transformer that has parameters; those of a block as `block.…`.

    Source: diffusers, `models/transformers/transformer_wan.py`.
    """
    attention = {
        f"block.{attention}.{name}": size
        for attention in ("attn1", "attn2")
        for name, size in (
            ("to_q", LayerSize(a.dim, a.dim)),
            ("to_k", LayerSize(a.dim, a.dim)),
            ("to_v", LayerSize(a.dim, a.dim)),
            ("to_out.0", LayerSize(a.dim, a.dim)),
            ("norm_q", LayerSize(a.dim)),
            ("norm_k", LayerSize(a.dim)),
        )
    }
    embedder = "condition_embedder"
    return attention | {
        "block.ffn.net.0.proj": LayerSize(a.ffn_dim, a.dim),
        "block.ffn.net.2": LayerSize(a.dim, a.ffn_dim),
        "block.norm2": LayerSize(a.dim),
        "block.scale_shift_table": LayerSize(6 * a.dim),
        "patch_embedding": LayerSize(a.dim, a.in_channels, _PATCH),
        f"{embedder}.time_embedder.linear_1": LayerSize(a.dim, a.freq_dim),
        f"{embedder}.time_embedder.linear_2": LayerSize(a.dim, a.dim),
        f"{embedder}.time_proj": LayerSize(6 * a.dim, a.dim),
        f"{embedder}.text_embedder.linear_1": LayerSize(a.dim, a.text_dim),
        f"{embedder}.text_embedder.linear_2": LayerSize(a.dim, a.dim),
        "scale_shift_table": LayerSize(2 * a.dim),
        "proj_out": LayerSize(a.out_channels * math.prod(_PATCH), a.dim),
    }
