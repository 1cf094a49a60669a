"""The demo's own ways from noise to clips, from which a LoRA learns to go them in few steps.

The demo that ships goes with its guidance and in many small steps. From where it came by at the few
steps' noise levels the LoRA learns each stretch as one step without guidance: the mean velocity
over it. That is right for Euler's method, and for no multistep solver.
"""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import diffusers
import torch
from captions import caption
from clips import Clip
from evaluate import GUIDANCE
from flow import BATCH, Model, tokens_of
from parts import LATENT_CHANNELS, Part
from torch import Tensor

STEPS, SHIFT = 4, 5.0
"""Of the quality `lightning`."""
SMALL_STEPS = (5, 5, 10, 1)
"""Within each; the last one begins at the scheduler's least noise, and is next to nothing."""
_LATENT = (LATENT_CHANNELS, 5, 8, 8)
_diffusers: Part = diffusers


def noise_levels() -> Tensor:
    """Where the few steps begin, 1 to 0, and where the last one ends."""
    scheduler = _diffusers.FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    scheduler.set_timesteps(STEPS)
    sigmas: Tensor = scheduler.sigmas
    return sigmas


@torch.no_grad()
def go(model: Model, folder: Path, count: int, seed: int) -> None:
    """Write `count` ways, a batch a file; those that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count // BATCH):
        path = folder / f"{number:04}.pt"
        if path.exists():
            continue
        chance = random.Random(seed * 100_000 + number)
        said = [caption(Clip.draw(chance), chance) for _ in range(BATCH)]
        noise = torch.randn(
            BATCH, *_LATENT, generator=torch.Generator().manual_seed(chance.randrange(2**32))
        )
        temporary = path.with_suffix(".part")
        torch.save({"captions": said, "passed": _passed(model, said, noise).half()}, temporary)
        temporary.replace(path)


def _passed(model: Model, said: list[str], x: Tensor) -> Tensor:
    """Latents at every noise level, (n, STEPS + 1, channels, frames, height, width)."""
    texts, nothing = tokens_of(said), tokens_of([""] * len(said))
    passed = [x]
    for (high, low), small in zip(pairwise(noise_levels().tolist()), SMALL_STEPS, strict=True):
        for sigma in torch.linspace(high, low, small + 1)[:-1].tolist():
            times = torch.full((len(x),), 1000 * sigma)
            free = model(x, times, *nothing)
            velocity = free + GUIDANCE * (model(x, times, *texts) - free)
            x = x + (low - high) / small * velocity
        passed.append(x)
    return torch.stack(passed, 1)


class Stretches:
    """Draws stretches of the ways, and says how far a model is from going each in one step."""

    def __init__(self, folder: Path, seed: int) -> None:
        files: list[dict[str, Any]] = [
            torch.load(path, weights_only=True) for path in sorted(folder.glob("*.pt"))
        ]
        self._passed = torch.cat([file["passed"] for file in files]).float()
        self._said = [said for file in files for said in file["captions"]]
        self._sigmas = noise_levels()
        self._chance = random.Random(seed)

    def loss(self, model: Model) -> Tensor:
        ways = [self._chance.randrange(len(self._said)) for _ in range(BATCH)]
        steps = [self._chance.randrange(STEPS - 1) for _ in range(BATCH)]  # the last is nothing
        ends = [step + 1 for step in steps]
        start, end = self._passed[ways, steps], self._passed[ways, ends]
        high, low = self._sigmas[steps], self._sigmas[ends]
        velocity = (start - end) / (high - low).view(-1, 1, 1, 1, 1)
        said = model(start, 1000 * high, *tokens_of([self._said[way] for way in ways]))
        loss: Tensor = (said - velocity).square().mean()
        return loss
