"""What is seen in a clip, by plain measuring: no model judges a model."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from clips import COLOURS, DIRECTIONS
from torch import Tensor

Directions = Mapping[str, tuple[float, float]]

FAR = 0.22
"""How far from its row's background, of a distance of at most 1.7, a pixel of the shape is."""
WIDE = 1.5
"""A box around a shape that is so much wider than high holds a bar."""
FEW = 60
"""Pixels; less is no shape."""
TOP_LIGHT = 0.38
"""A triangle has a quarter of itself in the upper half of its box, a circle half of itself."""


@dataclass(frozen=True)
class Seen:
    colour: str
    shape: str
    direction: str


def look(frames: Tensor, directions: Directions = DIRECTIONS) -> Seen | None:
    """(frames, 3, height, width) in 0 to 1; None where there is no shape to be seen.

    The direction is the nearest of `directions`, which are of length 1.
    """
    edges = torch.cat([frames[..., :4], frames[..., -4:]], -1).median(-1, keepdim=True).values
    off = frames - edges
    masks = off.norm(dim=1) > FAR
    if (masks.sum((1, 2)) < FEW).any():
        return None
    colour = frames.permute(1, 0, 2, 3)[:, masks].median(-1).values
    way = off.permute(1, 0, 2, 3)[:, masks].median(-1).values
    masks = (off * way.view(3, 1, 1)).sum(1) > way.square().sum() / 2  # nearer to it than not
    if (masks.sum((1, 2)) < FEW).any():
        return None
    return Seen(_nearest(colour), _shape(masks), _direction(masks, directions))


def _nearest(colour: Tensor) -> str:
    return min(COLOURS, key=lambda name: float((torch.tensor(COLOURS[name]) - colour).norm()))


def _shape(masks: Tensor) -> str:
    """From its box's form and the share of it in the upper half: medians of the frames."""
    forms, uppers = [], []
    for mask in masks:
        lines = mask.any(1).nonzero().flatten()
        top, bottom = int(lines[0]), int(lines[-1]) + 1
        forms.append(_span(mask.any(0)) / (bottom - top))
        uppers.append(float(mask[: (top + bottom) // 2].sum() / mask.sum()))
    if statistics.median(forms) > WIDE:
        return "bar"
    return "triangle" if statistics.median(uppers) < TOP_LIGHT else "circle"


def _span(hit: Tensor) -> int:
    where = hit.nonzero().flatten()
    return int(where[-1] - where[0]) + 1


def _direction(masks: Tensor, directions: Directions) -> str:
    """From the centre's way between the first three frames and the last three."""
    first, last = _centre(masks[:3]), _centre(masks[-3:])
    x, y = last[0] - first[0], last[1] - first[1]
    return max(directions, key=lambda name: x * directions[name][0] + y * directions[name][1])


def _centre(masks: Tensor) -> tuple[float, float]:
    _, rows, columns = masks.nonzero(as_tuple=True)
    return float(columns.float().mean()), float(rows.float().mean())
