"""Clips of the demo, judged by what is seen in them: scripts/demo_model asks, and looks."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from tests.worker.orders import Tiny, weights_file
from wantui.api.job import JobRequest, Params
from wantui.catalog.catalog import DEMO, Catalog
from wantui.catalog.resolve import resolve
from wantui.paths import demo_weights, shipped_config
from wantui.pipe.messages import GgufExpert, ModelFiles

SCRIPTS = Path(__file__).parents[2] / "scripts" / "demo_model"
sys.path.append(str(SCRIPTS))  # its scripts are not a package: they lie beside one another
from captions import caption  # noqa: E402
from clips import ALL_DIRECTIONS, DIRECTIONS, NEW_DIRECTIONS, Clip, render  # noqa: E402
from detect import look  # noqa: E402
from experts import BOUNDARY, GUIDANCE, GUIDANCE_LOW, write_experts  # noqa: E402

__all__ = [
    "ASPECTS",
    "BOUNDARY",
    "GUIDANCE",
    "GUIDANCE_LOW",
    "LORAS",
    "NEW_DIRECTIONS",
    "RECIPE",
    "SCRIPTS",
    "Clip",
    "Demo",
    "asked",
    "frames_of",
    "look",
    "render",
    "right",
    "right_in",
    "write_experts",
]

RECIPE = Catalog.load(shipped_config()).model(DEMO)
LORAS = SCRIPTS / "loras"
"""Small ones for the demo that work."""
ASPECTS = ("colour", "shape", "direction")


@dataclass(frozen=True)
class Demo(Tiny):
    """The demo that ships, by the parameters of its catalog entry."""

    kind: str = "ti2v"
    folder: Path = field(default_factory=demo_weights)
    gguf: Path | None = None
    """Has the transformer, in place of its own file."""

    @property
    def files(self) -> ModelFiles:
        files = super().files
        changes: dict[str, Any] = {"model": DEMO, "text_tokens": RECIPE.limits.text_tokens}
        if self.gguf is not None:
            expert = GgufExpert(component="transformer", path=str(self.gguf))
            changes |= {"gguf": (expert,), "files": (*files.files, weights_file(self.gguf))}
        return files.model_copy(update=changes)

    def params(self, **changes: Any) -> Params:
        request = JobRequest(prompt="a red cat walks on the beach at sunset", seed=3)
        return resolve(RECIPE, request, None).model_copy(update=changes)


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
    return right_in(clip, frames_of(video))


def right_in(clip: Clip, frames: Tensor) -> set[str]:
    seen = look(frames, ALL_DIRECTIONS)
    return {name for name in ASPECTS if getattr(seen, name, None) == getattr(clip, name)}
