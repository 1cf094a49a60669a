"""From what a client asked for to parameters that leave nothing open, or a refusal that helps.

Nothing is rounded: a value the model cannot take is refused with the nearest one it can.
"""

from __future__ import annotations

import secrets

from wantui.api.job import MAX_SEED, ImageUsed, JobRequest, Params, Sampler
from wantui.catalog.recipe import Recipe
from wantui.catalog.sizes import Size, parse_size, shown_of, size_for_image
from wantui.errors import InvalidRequest
from wantui.text import nearest, one_line

MAX_DRAWN_SEED = 2**32 - 1
"""Drawn seeds stay short enough to read out and type."""
MAX_GUIDANCE = 30.0
MAX_SHIFT = 100.0
MAX_FPS = 120


def resolve(recipe: Recipe, request: JobRequest, image: ImageUsed | None) -> Params:
    """Fill every gap with the model's official value and draw the seed.

    Raises InvalidRequest naming the field, what is allowed and the nearest valid value.
    """
    defaults, limits = recipe.defaults, recipe.limits
    _check_image(recipe, image)
    size = _size(recipe, request, image)
    guidance = _number("guidance", request.guidance, defaults.guidance, 0.0, MAX_GUIDANCE)
    return Params(
        prompt=_prompt("prompt", request.prompt, limits.max_prompt_characters, empty_ok=False),
        negative_prompt=_prompt(
            "negative_prompt",
            defaults.negative_prompt
            if request.negative_prompt is None
            else request.negative_prompt,
            limits.max_prompt_characters,
            empty_ok=True,
        ),
        width=size.width,
        height=size.height,
        frames=_frames(recipe, request.frames),
        fps=_whole("fps", request.fps, defaults.fps, 1, MAX_FPS),
        steps=_whole("steps", request.steps, defaults.steps, 1, limits.max_steps),
        guidance=guidance,
        guidance_low=_guidance_low(recipe, request),
        shift=_number("shift", request.shift, defaults.shift, 0.01, MAX_SHIFT),
        boundary=recipe.boundary,
        sampler=_sampler(recipe, request.sampler),
        seed=_whole("seed", request.seed, secrets.randbelow(MAX_DRAWN_SEED + 1), 0, MAX_SEED),
        image=_cut(image, size),
    )


def _check_image(recipe: Recipe, image: ImageUsed | None) -> None:
    if image is None and recipe.needs_image:
        raise InvalidRequest.for_field(
            "image", f"{recipe.id} starts from an image", allowed="a PNG, JPEG or WebP picture"
        )
    if image is not None and not recipe.takes_image:
        raise InvalidRequest.for_field(
            "image", f"{recipe.id} takes no image", allowed="none with this model"
        )


def _cut(image: ImageUsed | None, size: Size) -> ImageUsed | None:
    """With what is left of it once it covers the frame, as the worker scales and cuts it."""
    if image is None:
        return None
    return image.model_copy(update={"shown": shown_of(Size(image.width, image.height), size)})


def _size(recipe: Recipe, request: JobRequest, image: ImageUsed | None) -> Size:
    if request.size is not None:
        return parse_size(request.size, recipe.limits)
    if image is not None:
        return size_for_image(recipe, image.width, image.height)
    return Size(recipe.defaults.width, recipe.defaults.height)


def _prompt(field: str, text: str, most: int, *, empty_ok: bool) -> str:
    allowed = f"{0 if empty_ok else 1} to {most} characters"
    if not empty_ok and not text.strip():
        raise InvalidRequest.for_field(field, "it is empty", allowed=allowed)
    if len(text) > most:
        raise InvalidRequest.for_field(field, f"it has {len(text)} characters", allowed=allowed)
    return text


def _frames(recipe: Recipe, asked: int | None) -> int:
    if asked is None:
        return recipe.defaults.frames
    stride, most = recipe.limits.frame_stride, recipe.limits.max_frames
    near = round((min(max(asked, 1), most) - 1) / stride) * stride + 1
    if asked != near:
        raise InvalidRequest.for_field(
            "frames",
            f"{asked} frames cannot be made",
            allowed=f"{stride}n+1, 1 to {most}",
            nearest=near,
        )
    return asked


def _whole(field: str, asked: int | None, default: int, least: int, most: int) -> int:
    value = default if asked is None else asked
    if not least <= value <= most:
        raise InvalidRequest.for_field(
            field,
            f"{value} is out of range",
            allowed=f"{least} to {most}",
            nearest=min(max(value, least), most),
        )
    return value


def _number(field: str, asked: float | None, default: float, least: float, most: float) -> float:
    value = default if asked is None else asked
    if not least <= value <= most:
        raise InvalidRequest.for_field(
            field,
            f"{value:g} is out of range",
            allowed=f"{least:g} to {most:g}",
            nearest=min(max(value, least), most),
        )
    return value


def _guidance_low(recipe: Recipe, request: JobRequest) -> float | None:
    """The low-noise expert's guidance: what was asked, else what was asked of the high one."""
    default = recipe.defaults.guidance_low
    if default is None:
        if request.guidance_low is not None:
            raise InvalidRequest.for_field(
                "guidance_low", f"{recipe.id} has one expert", allowed="none with this model"
            )
        return None
    asked = request.guidance_low if request.guidance_low is not None else request.guidance
    return _number("guidance_low", asked, default, 0.0, MAX_GUIDANCE)


def _sampler(recipe: Recipe, asked: str | None) -> Sampler:
    """By name, whatever its case."""
    if asked is None:
        return recipe.sampler
    try:
        return Sampler(asked.casefold())
    except ValueError:
        raise InvalidRequest.for_field(
            "sampler",
            f"no sampler is called {one_line(asked, 40)!r}",
            allowed=", ".join(Sampler),
            nearest=nearest(asked, Sampler),
        ) from None
