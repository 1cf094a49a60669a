"""LoRA files with numbers in them, for the tiny models' transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests import loras

DIM, FFN = 24, 32
"""Of `tests.tiny_models`."""
_ALPHA = 2.5
"""No power of two times the rank: a scale that rounds."""


def tensors(shapes: Mapping[str, Sequence[int]], seed: int) -> dict[str, Tensor]:
    """Numbers large enough to move every latent; norms' differences are zeros, as published."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name, shape in shapes.items():
        if name.endswith("alpha"):
            made[name] = torch.tensor(_ALPHA)
        elif "norm" in name:
            made[name] = torch.zeros(tuple(shape))
        else:
            made[name] = torch.randn(tuple(shape), generator=generator) * 0.3
    return made


NAMINGS = {
    "diffusers": loras.diffusers_shapes,
    "original": loras.original_shapes,
    "kohya": loras.kohya_shapes,
}


def saved(folder: Path, naming: str, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """A LoRA for every layer of both blocks."""
    content = tensors(NAMINGS[naming](dim=DIM, ffn=FFN), seed)
    return save(folder / f"{naming}-{seed}.safetensors", content, dtype)


def save(path: Path, content: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> Path:
    save_file({name: tensor.to(dtype) for name, tensor in content.items()}, path)
    return path
