"""What is seen in a clip, by plain measuring: no model judges a model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from clips import COLOURS, DIRECTIONS
from torch import Tensor

FAR = 0.22
"""How far from its row's background, of a distance of at most 1.7, a pixel of the shape is."""
FEW = 60
"""Pixels; less is no shape."""
_BOX_SHARES = {"square": 1.0, "circle": 0.785, "triangle": 0.5}
"""How much of the box around it each shape fills."""


@dataclass(frozen=True)
class Seen:
    colour: str
    shape: str
    direction: str


def look(frames: Tensor) -> Seen | None:
    """(frames, 3, height, width) in 0 to 1; None where there is no shape to be seen."""
    edges = torch.cat([frames[..., :4], frames[..., -4:]], -1).median(-1, keepdim=True).values
    masks = (frames - edges).norm(dim=1) > FAR
    if (masks.sum((1, 2)) < FEW).any():
        return None
    colour = frames.permute(1, 0, 2, 3)[:, masks].median(-1).values
    return Seen(_nearest(colour), _shape(masks), _direction(masks))


def _nearest(colour: Tensor) -> str:
    return min(COLOURS, key=lambda name: float((torch.tensor(COLOURS[name]) - colour).norm()))


def _shape(masks: Tensor) -> str:
    """From the share of its box that it fills, the median over the frames."""
    shares = []
    for mask in masks:
        rows, columns = _span(mask.any(1)), _span(mask.any(0))
        shares.append(float(mask.sum()) / (rows * columns))
    share = sorted(shares)[len(shares) // 2]
    return min(_BOX_SHARES, key=lambda name: abs(_BOX_SHARES[name] - share))


def _span(hit: Tensor) -> int:
    where = hit.nonzero().flatten()
    return int(where[-1] - where[0]) + 1


def _direction(masks: Tensor) -> str:
    """From the centre's way between the first three frames and the last three."""
    first, last = _centre(masks[:3]), _centre(masks[-3:])
    x, y = last[0] - first[0], last[1] - first[1]
    return max(DIRECTIONS, key=lambda name: x * DIRECTIONS[name][0] + y * DIRECTIONS[name][1])


def _centre(masks: Tensor) -> tuple[float, float]:
    _, rows, columns = masks.nonzero(as_tuple=True)
    return float(columns.float().mean()), float(rows.float().mean())
