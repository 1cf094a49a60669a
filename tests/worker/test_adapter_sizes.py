"""The sizes by which adapters are told to fit, against diffusers' own classes and converters."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders import lora_conversion_utils as theirs

from tests.loras import Shapes, kohya_shapes, original_shapes
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Architecture, Recipe
from wantui.paths import demo_weights, shipped_config
from wantui.pipe.lora_names import Piece, parse_name
from wantui.store.lora_fit import _sizes

RECIPES = Catalog.load(shipped_config()).recipes


def transformer(a: Architecture) -> Any:
    """The real class with these sizes, without memory for its weights."""
    heads = a.dim // 128 or 2
    transformer_class: Any = WanTransformer3DModel
    with torch.device("meta"):
        return transformer_class(
            num_attention_heads=heads,
            attention_head_dim=a.dim // heads,
            num_layers=a.blocks,
            ffn_dim=a.ffn_dim,
            text_dim=a.text_dim,
            freq_dim=a.freq_dim,
            in_channels=a.in_channels,
            out_channels=a.out_channels,
        )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.id)
def test_the_architecture_is_the_models(recipe: Recipe) -> None:
    assert recipe.architecture is not None
    model = transformer(recipe.architecture)
    published = {part.name: part.parameter_count for part in recipe.components}
    assert sum(tensor.numel() for tensor in model.parameters()) == published["transformer"]
    weights = {
        name.removesuffix(".weight"): tensor
        for name, tensor in model.named_parameters()
        if not name.endswith(".bias")
    }
    own = {
        name: _sizes(recipe.architecture)[
            f"block.{name.split('.', 2)[2]}" if name.startswith("blocks.") else name
        ]
        for name in weights
    }
    assert {name: math.prod(size.weight) for name, size in own.items()} == {
        name: math.prod(tensor.shape) for name, tensor in weights.items()
    }
    layers = [name for name, tensor in weights.items() if tensor.ndim in (2, 5)]
    assert all(tuple(weights[name].shape) == own[name].weight for name in layers)


def test_the_demo_s_architecture_is_that_of_the_weights_that_ship() -> None:
    recipe = next(recipe for recipe in RECIPES if recipe.id == "demo")
    config = json.loads((demo_weights() / "transformer" / "config.json").read_text())
    assert recipe.architecture == Architecture(
        dim=config["num_attention_heads"] * config["attention_head_dim"],
        blocks=config["num_layers"],
        **{name: config[name] for name in Architecture.model_fields if name in config},
    )


def converted(shapes: Shapes) -> set[str]:
    """The modules that diffusers finds in such a file."""
    state = {name: torch.ones(tuple(shape)) for name, shape in shapes.items()}
    kohya = any(name.startswith("lora_unet_") for name in state)
    convert: Any = (
        theirs._convert_musubi_wan_lora_to_diffusers
        if kohya
        else theirs._convert_non_diffusers_wan_lora_to_diffusers
    )
    return {name.removeprefix("transformer.").rsplit(".lora_", 1)[0] for name in convert(state)}


@pytest.mark.parametrize("shapes", [original_shapes(), kohya_shapes()], ids=["original", "kohya"])
def test_names_mean_to_us_what_they_mean_to_diffusers(shapes: Shapes) -> None:
    parsed = [parse_name(name) for name in shapes]
    ours = {each.module for each in parsed if each is not None and each.piece is Piece.DOWN}
    assert None not in parsed
    assert ours == converted(shapes)
