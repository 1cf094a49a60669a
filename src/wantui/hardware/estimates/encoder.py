"""What a text encoder's blocks are, from its published configuration."""

from __future__ import annotations

from typing import Any, NamedTuple

from wantui.catalog.recipe import Recipe

CLASS = "UMT5EncoderModel"
BUCKETS = 32
"""Of relative positions, each a number a head, where a configuration does not say it."""


class EncoderBlocks(NamedTuple):
    """Equal ones, one after the other; the embedding is in none of them."""

    number: int = 0
    parameters: int = 0
    """Of each."""


def encoder_blocks(recipe: Recipe) -> EncoderBlocks:
    """None where the catalog does not say what the encoder is made of."""
    for part in recipe.components:
        if part.class_name == CLASS and part.config is not None:
            return EncoderBlocks(int(part.config["num_layers"]), _parameters(part.config))
    return EncoderBlocks()


def _parameters(config: dict[str, Any]) -> int:
    """Source: transformers 5, `modeling_umt5.py`: four projections of attention and its table of
    positions, the three matrices of a gated feed-forward, two norms. Nothing has a bias.
    """
    dim, heads = int(config["d_model"]), int(config["num_heads"])
    attention = 4 * dim * heads * int(config["d_kv"])
    positions = heads * int(config.get("relative_attention_num_buckets", BUCKETS))
    return attention + positions + 3 * dim * int(config["d_ff"]) + 2 * dim
