"""Sizes: WIDTHxHEIGHT as people write it, a model's grid, and the size that an image asks for."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from wantui.api.model import Limits
from wantui.catalog.recipe import ImageSizeRule, Recipe
from wantui.errors import InvalidRequest
from wantui.text import one_line

_SIZE = re.compile(r"([0-9]{1,5})[x×*]([0-9]{1,5})")
PATCH = 2
"""Latent rows and columns that make one token."""


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def allowed_sizes(limits: Limits) -> str:
    """The sizes a model takes, in words."""
    return (
        f"multiples of {limits.size_multiple}, sides from {limits.min_side}, at most "
        f"{limits.max_pixels} pixels; official: {', '.join(limits.sizes)}"
    )


def parse_size(text: str, limits: Limits) -> Size:
    """A size on the model's grid. Raises InvalidRequest naming the nearest valid one."""
    match = _SIZE.fullmatch(text.strip().casefold())
    if match is None:
        raise InvalidRequest.for_field(
            "size",
            f"{one_line(text, 40)!r} is not WIDTHxHEIGHT",
            allowed=allowed_sizes(limits),
            nearest=limits.sizes[0],
        )
    size = Size(int(match[1]), int(match[2]))
    near = nearest_size(size, limits)
    if size != near:
        raise InvalidRequest.for_field(
            "size",
            f"{size} is not a size this model can make",
            allowed=allowed_sizes(limits),
            nearest=str(near),
        )
    return size


def nearest_size(size: Size, limits: Limits) -> Size:
    """The valid size most like this one: shrunk to the pixel limit, then put on the grid."""
    width, height = max(size.width, 1), max(size.height, 1)
    shrink = min(1.0, math.sqrt(limits.max_pixels / (width * height)))
    grid = limits.size_multiple
    sides = [max(round(side * shrink / grid) * grid, limits.min_side) for side in (width, height)]
    while sides[0] * sides[1] > limits.max_pixels:
        longer = sides.index(max(sides))
        sides[longer] -= grid
    return Size(*sides)


def size_for_image(recipe: Recipe, width: int, height: int) -> Size:
    """The official area at the image's aspect.

    Source: Wan2.2, `wan/image2video.py` (A14B) and `best_output_size` of `wan/utils/utils.py`
    (TI2V-5B), with the default size's area. An aspect so extreme that a side would leave the
    model's grid is brought back to the nearest valid size.
    """
    area = recipe.defaults.width * recipe.defaults.height
    if recipe.image_size_rule is ImageSizeRule.AREA:
        size = _area_size(recipe, width, height, area)
    else:
        size = _best_output_size(recipe, width, height, area)
    return nearest_size(size, recipe.limits)


def shown_of(picture: Size, frame: Size) -> Size:
    """The middle of a picture that a frame shows which it is scaled to cover, to the pixel."""
    scale = max(frame.width / picture.width, frame.height / picture.height)
    return Size(
        min(max(round(frame.width / scale), 1), picture.width),
        min(max(round(frame.height / scale), 1), picture.height),
    )


def _area_size(recipe: Recipe, width: int, height: int, area: int) -> Size:
    aspect = height / width
    _, stride_h, stride_w = recipe.vae_stride
    latent_h = round(math.sqrt(area * aspect) // stride_h // PATCH * PATCH)
    latent_w = round(math.sqrt(area / aspect) // stride_w // PATCH * PATCH)
    return Size(latent_w * stride_w, latent_h * stride_h)


def _best_output_size(recipe: Recipe, width: int, height: int, area: int) -> Size:
    _, stride_h, stride_w = recipe.vae_stride
    grid_h, grid_w = stride_h * PATCH, stride_w * PATCH
    ratio = width / height
    out_w = math.sqrt(area * ratio)
    out_h = area / out_w
    w1 = max(int(out_w // grid_w * grid_w), grid_w)
    h1 = max(int(area / w1 // grid_h * grid_h), grid_h)
    h2 = max(int(out_h // grid_h * grid_h), grid_h)
    w2 = max(int(area / h2 // grid_w * grid_w), grid_w)

    def distortion(w: int, h: int) -> float:
        return max(ratio / (w / h), (w / h) / ratio)

    return Size(w1, h1) if distortion(w1, h1) < distortion(w2, h2) else Size(w2, h2)
