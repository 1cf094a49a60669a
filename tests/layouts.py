"""Repositories file for file as they are published, with real weights of no size.

Source of the lists: the facts of the three Wan 2.2 repositories, which the shipped recipes carry;
what a repository holds besides (README, pictures) is there too, and must not be fetched.
"""

from __future__ import annotations

import json
import random
from typing import Any

from tests.hub import File
from wantui.catalog.recipe import Component, Recipe

UNWANTED = (".gitattributes", "README.md", "assets/logo.png", "assets/performance.png")
_CHANNELS = 64


def layout_of(recipe: Recipe, seed: int = 3) -> dict[str, File]:
    """Every file of a repository: shards that hold what their index says, configs, and the rest."""
    chance = random.Random(seed)
    files = {path: File(f"{path} of the repository".encode(), lfs=False) for path in UNWANTED}
    index: dict[str, Any] = {"_class_name": recipe.pipeline}
    for part in recipe.components:
        index[part.name] = ["diffusers", part.class_name]
        for name in part.files:
            files[f"{part.name}/{name}"] = _document(part, name)
        files |= _weights(part, chance)
    files["model_index.json"] = File(json.dumps(index).encode(), lfs=False)
    return files


def _document(part: Component, name: str) -> File:
    if name.endswith(".json"):
        return File(json.dumps({"_class_name": part.class_name, "name": name}).encode(), lfs=False)
    return File(f"{part.name}/{name}".encode())


def _weights(part: Component, chance: random.Random) -> dict[str, File]:
    if part.weights is None:
        return {}
    shards = [name for name in part.weights.files if name.endswith(".safetensors")]
    keys = {name: f"blocks.{number}.weight" for number, name in enumerate(shards)}
    files = {
        f"{part.name}/{name}": File(one_tensor(key, chance.randbytes(4 * _CHANNELS)))
        for name, key in keys.items()
    }
    if len(shards) > 1:
        document = {
            "metadata": {"total_size": 4 * _CHANNELS * len(shards)},
            "weight_map": {key: name for name, key in keys.items()},
        }
        path = f"{part.name}/{part.weights.stem}.safetensors.index.json"
        files[path] = File(json.dumps(document).encode(), lfs=False)
    return files


def one_tensor(key: str, content: bytes) -> bytes:
    """A safetensors file with one tensor of fp32."""
    entry = {"dtype": "F32", "shape": [len(content) // 4], "data_offsets": [0, len(content)]}
    header = json.dumps({key: entry}).encode()
    return len(header).to_bytes(8, "little") + header + content
