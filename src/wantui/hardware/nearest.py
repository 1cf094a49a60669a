"""What could be made instead, where what was asked for fits in no way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wantui.api.estimate import Nearest
from wantui.catalog.recipe import Recipe
from wantui.hardware.estimates.case import Case
from wantui.hardware.estimates.video import Video, default_video
from wantui.hardware.ways import NO_LIMITS, Limits, best


def nearest(
    case: Case, others: Sequence[Recipe], limits: Limits = NO_LIMITS
) -> tuple[Nearest, ...]:
    """The same with fewer frames, the same in a smaller size, another variant or model: those of
    them that fit, the most like it first.
    """
    return tuple(_nearest(case, others, limits))


def _nearest(case: Case, others: Sequence[Recipe], limits: Limits) -> Iterator[Nearest]:
    recipe, video = case.recipe, case.video
    if (frames := _most_frames(case, limits)) is not None:
        yield _like(recipe, replace(video, frames=frames), f"the same with {frames} frames")
    if (smaller := _smaller(case, limits)) is not None:
        yield _like(recipe, smaller, f"the same at {smaller.width}x{smaller.height}")
    base = recipe.id.partition(":")[0]
    by_likeness = sorted(others, key=lambda other: other.id.partition(":")[0] != base)
    for other in by_likeness:
        instead = default_video(other)
        if other.id != recipe.id and best(_instead(case, other, instead)) is not None:
            yield _like(other, instead, f"{other.id}, {instead}")
            return


def _instead(case: Case, recipe: Recipe, video: Video) -> Case:
    """Another model's video in the same place; of its files nothing is known."""
    return Case(recipe, None, video, case.site)


def _most_frames(case: Case, limits: Limits) -> int | None:
    """Fewer frames always take less: the most that fit are found by halving."""
    stride = case.recipe.limits.frame_stride
    fits, too_many = -1, (case.video.frames - 1) // stride
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        video = replace(case.video, frames=middle * stride + 1)
        if best(replace(case, video=video), limits) is None:
            too_many = middle
        else:
            fits = middle
    return fits * stride + 1 if fits > 0 else None


def _smaller(case: Case, limits: Limits) -> Video | None:
    """The largest official size below this one that fits."""
    sizes = [tuple(map(int, size.split("x"))) for size in case.recipe.limits.sizes]
    area = case.video.width * case.video.height
    below = sorted((size for size in sizes if size[0] * size[1] < area), key=_area, reverse=True)
    for width, height in below:
        video = replace(case.video, width=width, height=height)
        if best(replace(case, video=video), limits) is not None:
            return video
    return None


def _area(size: tuple[int, ...]) -> int:
    return size[0] * size[1]


def _like(recipe: Recipe, video: Video, words: str) -> Nearest:
    return Nearest(
        model=recipe.id,
        width=video.width,
        height=video.height,
        frames=video.frames,
        words=words,
    )
