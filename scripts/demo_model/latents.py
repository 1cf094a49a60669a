"""A store of encoded clips, so that the transformer learns without the VAE."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import clips
import torch
import whole
from clips import Clip
from parts import Part
from torch import Tensor

SHARD = 250


@dataclass(frozen=True)
class Latents:
    """Normalised latents, (n, channels, frames, height, width), and what is seen in each."""

    values: Tensor
    clips: list[Clip]
    mean: Tensor
    std: Tensor


@torch.no_grad()
def encode_clips(
    vae: Part, folder: Path, count: int, seed: int, directions: Iterable[str] = clips.DIRECTIONS
) -> None:
    """Write `count` clips in shards; those that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count // SHARD):
        path = folder / f"{number:04}.pt"
        if path.exists():
            continue
        chance = random.Random(seed * 100_000 + number)
        drawn = [Clip.draw(chance, directions) for _ in range(SHARD)]
        means = [whole.encode(vae, clips.render(clip)[0].unsqueeze(0))[0] for clip in drawn]
        kept = {"values": torch.cat(means).half(), "clips": [asdict(clip) for clip in drawn]}
        temporary = path.with_suffix(".part")
        torch.save(kept, temporary)
        temporary.replace(path)


def load(folder: Path, vae: Part | None = None) -> Latents:
    """All shards, each channel with a mean of 0 and a deviation of 1, or as `vae` has them."""
    shards: list[dict[str, Any]] = [
        torch.load(path, weights_only=True) for path in sorted(folder.glob("*.pt"))
    ]
    values = torch.cat([shard["values"] for shard in shards]).float()
    if vae is None:
        mean = values.mean((0, 2, 3, 4), keepdim=True)
        std = values.std((0, 2, 3, 4), keepdim=True)
    else:
        kept = (vae.config.latents_mean, vae.config.latents_std)
        mean, std = (torch.tensor(channels).view(1, -1, 1, 1, 1) for channels in kept)
    seen = [Clip(**clip) for shard in shards for clip in shard["clips"]]
    return Latents((values - mean) / std, seen, mean, std)
