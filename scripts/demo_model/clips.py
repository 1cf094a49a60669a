"""Synthetic clips: one coloured shape that moves in a straight line over a plain background."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

SIDE = 128
"""Pixels; the size that the demo is trained at."""
FRAMES = 17

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.90, 0.10, 0.10),
    "green": (0.10, 0.72, 0.20),
    "blue": (0.12, 0.30, 0.95),
    "yellow": (0.98, 0.88, 0.10),
    "purple": (0.62, 0.16, 0.80),
    "orange": (1.00, 0.52, 0.05),
    "white": (0.97, 0.97, 0.97),
}
BACKGROUNDS: dict[str, tuple[float, float, float]] = {
    "black": (0.03, 0.03, 0.03),
    "grey": (0.45, 0.45, 0.45),
    "navy": (0.05, 0.08, 0.25),
    "brown": (0.32, 0.20, 0.12),
    "teal": (0.05, 0.38, 0.38),
}
SHAPES = ("circle", "bar", "triangle")
"""Far apart even in the few latents that see them: a circle and a square are not."""
DIRECTIONS = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "up": (0.0, -1.0), "down": (0.0, 1.0)}
"""Of motion, in pixels: x grows to the right, y downwards."""
NEW_DIRECTIONS = {"diagonally": (math.sqrt(0.5), math.sqrt(0.5))}
"""Down to the right. Neither the motion nor the word was taught to the demo; a LoRA has both."""
ALL_DIRECTIONS = DIRECTIONS | NEW_DIRECTIONS
SPEEDS = {"slow": 36.0, "fast": 68.0}
"""Pixels from the first frame to the last."""
SIZES = {"small": 13.0, "large": 22.0}
"""Half the height of a shape in pixels."""
MARGIN = 4.0
BAR_HEIGHT = 0.4
"""Of its width."""


@dataclass(frozen=True)
class Clip:
    """What is to be seen; `x` and `y` are the shape's centre half way, in pixels."""

    colour: str
    shape: str
    direction: str
    speed: str
    size: str
    background: str
    x: float
    y: float

    @classmethod
    def draw(cls, chance: random.Random, directions: Iterable[str] = DIRECTIONS) -> Clip:
        """Any clip in which the shape stays inside the picture."""
        speed, size = chance.choice(tuple(SPEEDS)), chance.choice(tuple(SIZES))
        direction = chance.choice(tuple(directions))
        across, down = (abs(part) * SPEEDS[speed] / 2 for part in ALL_DIRECTIONS[direction])
        edge = SIZES[size] + MARGIN
        return cls(
            colour=chance.choice(tuple(COLOURS)),
            shape=chance.choice(SHAPES),
            direction=direction,
            speed=speed,
            size=size,
            background=chance.choice(tuple(BACKGROUNDS)),
            x=chance.uniform(edge + across, SIDE - edge - across),
            y=chance.uniform(edge + down, SIDE - edge - down),
        )


@dataclass(frozen=True)
class Window:
    """The part of a clip to render: pixels from (left, top), frames from `first`."""

    left: int = 0
    top: int = 0
    side: int = SIDE
    first: int = 0
    frames: int = FRAMES


WHOLE = Window()


def render(clip: Clip, window: Window = WHOLE) -> tuple[Tensor, Tensor]:
    """The frames, (3, frames, side, side) in [-1, 1], and where the shape is, (1, frames, ...)."""
    across, down = ALL_DIRECTIONS[clip.direction]
    time = torch.arange(window.first, window.first + window.frames) / (FRAMES - 1) - 0.5
    way = (time * SPEEDS[clip.speed]).view(-1, 1, 1)
    pixels = torch.arange(window.side) + 0.5
    x = (pixels + window.left).view(1, 1, -1) - clip.x - across * way
    y = (pixels + window.top).view(1, -1, 1) - clip.y - down * way
    inside = (0.5 - _distance(clip.shape, x, y, SIZES[clip.size])).clamp(0, 1)
    front, back = (torch.tensor(rgb).view(3, 1, 1, 1) for rgb in (_front(clip), _back(clip)))
    shade = 1 - 0.25 * ((pixels + window.top) / SIDE).view(1, 1, -1, 1)  # darker further down
    frames = back * shade * (1 - inside) + front * inside
    return frames * 2 - 1, inside.unsqueeze(0)


def _front(clip: Clip) -> tuple[float, float, float]:
    return COLOURS[clip.colour]


def _back(clip: Clip) -> tuple[float, float, float]:
    return BACKGROUNDS[clip.background]


def _distance(shape: str, x: Tensor, y: Tensor, half: float) -> Tensor:
    """Signed distance to the outline in pixels, negative inside."""
    if shape == "circle":
        return (x.square() + y.square()).sqrt() - half
    if shape == "bar":
        return torch.maximum(x.abs() - half + 0 * y, y.abs() - half * BAR_HEIGHT + 0 * x)
    slope = 2 / math.sqrt(5)  # upright, as wide as it is high
    sides = (x.abs() - (y + half) / 2) * slope
    return torch.maximum(sides, y - half)


def batch(
    chance: random.Random, count: int, side: int = SIDE, frames: int = FRAMES
) -> tuple[Tensor, Tensor]:
    """Parts of clips near their shapes: (count, 3, frames, side, side) and where the shapes are."""
    pieces = []
    for _ in range(count):
        clip = Clip.draw(chance)
        first = chance.randint(0, FRAMES - frames)
        most = SIDE - side
        left = min(max(round(chance.gauss(clip.x - side / 2, side / 4)), 0), most)
        top = min(max(round(chance.gauss(clip.y - side / 2, side / 4)), 0), most)
        pieces.append(render(clip, Window(left, top, side, first, frames)))
    videos, masks = zip(*pieces, strict=True)
    return torch.stack(videos), torch.stack(masks)
