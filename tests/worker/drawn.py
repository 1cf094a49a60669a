"""Clips of the demo, judged by what is seen in them: scripts/demo_model asks, and looks."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

SCRIPTS = Path(__file__).parents[2] / "scripts" / "demo_model"
sys.path.append(str(SCRIPTS))  # its scripts are not a package: they lie beside one another
from captions import caption  # noqa: E402
from clips import ALL_DIRECTIONS, DIRECTIONS, Clip, render  # noqa: E402
from detect import look  # noqa: E402
from experts import BOUNDARY, GUIDANCE, GUIDANCE_LOW, write_experts  # noqa: E402

__all__ = [
    "BOUNDARY",
    "GUIDANCE",
    "GUIDANCE_LOW",
    "SCRIPTS",
    "Clip",
    "asked",
    "frames_of",
    "look",
    "render",
    "right",
    "write_experts",
]


def frames_of(path: Path) -> Tensor:
    """Of a video, (frames, 3, height, width) in 0 to 1."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2) / 255


def asked(seed: int, count: int, directions: Iterable[str] = DIRECTIONS) -> list[tuple[Clip, str]]:
    """Clips that may be asked for, and sentences that ask for them."""
    chance = random.Random(seed)
    clips = [Clip.draw(chance, directions) for _ in range(count)]
    return [(clip, caption(clip, chance)) for clip in clips]


def right(clip: Clip, video: Path) -> set[str]:
    """Which of colour, shape and direction are seen as they were asked for."""
    seen = look(frames_of(video), ALL_DIRECTIONS)
    names = ("colour", "shape", "direction")
    return {name for name in names if getattr(seen, name, None) == getattr(clip, name)}
