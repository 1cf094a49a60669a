"""What the fields of the generate screen mean. Pure: text in, a request or a field's fault out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wantui.api.batch import MAX_BATCH
from wantui.api.estimate import PlanRequest
from wantui.api.job import JobRequest
from wantui.api.model import ModelStatus
from wantui.client.picture import check_picture
from wantui.errors import (
    EngineMissing,
    InvalidImage,
    InvalidRequest,
    UnknownAdapter,
    UnknownModel,
    UnknownUpload,
    WantuiError,
    WeightsAbsent,
    WeightsCorrupt,
)
from wantui.tui.lora_choices import read_loras

PROMPT, MODEL, IMAGE, LORAS, COUNT = "prompt", "model", "image", "loras", "count"
NEGATIVE, AFTER = "negative_prompt", "after"
TEXT = ("size", "quality", "sampler", "label")
WHOLE = ("frames", "fps", "steps", "seed", "priority")
NONE = "-"
"""Typed as the negative prompt: none, where the model has one of its own."""
UPLOADED = "upload:"
"""An image of an earlier job, named by its id at the daemon."""

_CONCERNS: dict[str, str] = {
    UnknownModel.code: MODEL,
    WeightsAbsent.code: MODEL,
    WeightsCorrupt.code: MODEL,
    EngineMissing.code: MODEL,
    InvalidImage.code: IMAGE,
    UnknownUpload.code: IMAGE,
    UnknownAdapter.code: LORAS,
}
_ALSO_NAMED = {"lora": LORAS, "guidance_low": "guidance", "width": "size", "height": "size"}


def request_of(values: Mapping[str, str], image: str | None) -> JobRequest:
    """The request that typed values mean; `image` is an upload's id.

    Raises InvalidRequest for a field that is not of its kind: what is allowed the daemon knows.
    """
    given: dict[str, Any] = {"prompt": values[PROMPT], "model": values[MODEL] or None}
    given |= {name: values[name] for name in TEXT if values[name]}
    given |= {name: whole(name, values[name]) for name in WHOLE if values[name]}
    if values[NEGATIVE]:
        given[NEGATIVE] = "" if values[NEGATIVE] == NONE else values[NEGATIVE]
    if values["shift"]:
        given["shift"] = _decimal("shift", values["shift"])
    if values["guidance"]:
        given |= _guidance(values["guidance"])
    if loras := read_loras(values[LORAS]):
        given[LORAS] = loras
    if after := _ids(AFTER, values[AFTER]):
        given[AFTER] = after
    if image:
        given[IMAGE] = image
    return JobRequest(**given)


def count_of(values: Mapping[str, str]) -> int:
    """How many jobs are asked for. Raises InvalidRequest."""
    count = whole(COUNT, values[COUNT]) if values[COUNT] else 1
    if not 1 <= count <= MAX_BATCH:
        raise InvalidRequest.for_field(COUNT, f"{count} jobs at once", allowed=f"1 to {MAX_BATCH}")
    return count


def swept(request: JobRequest, count: int) -> tuple[JobRequest, ...]:
    """So many of it, as `generate --count`: with a seed, that one and those that follow it."""
    if request.seed is None or count == 1:
        return (request,) * count
    seeds = range(request.seed, request.seed + count)
    return tuple(request.model_copy(update={"seed": seed}) for seed in seeds)


def check(values: Mapping[str, str], model: ModelStatus) -> None:
    """See that what is typed can be read, and that the model takes the picture that is named.

    Raises InvalidRequest, or InvalidImage for a picture that is not there. What else is allowed the
    daemon knows.
    """
    request_of(values, None)
    count_of(values)
    image = values[IMAGE]
    if image and not model.takes_image:
        raise InvalidRequest.for_field(IMAGE, f"{model.id} takes none", allowed="nothing")
    if image and not image.startswith(UPLOADED):
        check_picture(Path(image))


def plan_request_of(values: Mapping[str, str]) -> PlanRequest:
    """What typed values mean for a plan: a prompt is no part of it.

    Raises InvalidRequest for a field that is not of its kind.
    """
    return PlanRequest(
        model=values[MODEL],
        size=values["size"] or None,
        frames=whole("frames", values["frames"]) if values["frames"] else None,
        steps=whole("steps", values["steps"]) if values["steps"] else None,
        guidance=_guidance(values["guidance"])["guidance"] if values["guidance"] else None,
        loras=read_loras(values[LORAS]),
        **({"quality": values["quality"]} if values["quality"] else {}),
    )


def concerns(error: WantuiError) -> str | None:
    """The field that a refusal is about, if it is about one."""
    field = error.detail.get("field")
    if isinstance(field, str):
        return _ALSO_NAMED.get(field, field)
    return _CONCERNS.get(error.code)


def refusal(error: WantuiError) -> str:
    """What is wrong, and what to do: for one line below the field."""
    field = error.detail.get("field")
    return error.told.removeprefix(f"{field}: ") if isinstance(field, str) else error.told


def whole(field: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidRequest.for_field(
            field, f"{text[:40]!r} is no whole number", allowed="a whole number"
        ) from error


def _decimal(field: str, text: str) -> float:
    try:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
    except ValueError as error:
        raise InvalidRequest.for_field(
            field, f"{text[:40]!r} is no number", allowed="a number"
        ) from error
    return number


def _guidance(text: str) -> dict[str, float]:
    """One number, or the high-noise and the low-noise expert's with a comma."""
    names = ("guidance", "guidance_low")
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
        if len(numbers) > len(names) or not all(map(math.isfinite, numbers)):
            raise ValueError(text)
    except ValueError as error:
        raise InvalidRequest.for_field(
            "guidance", f"{text[:40]!r} is no number", allowed="a number, or HIGH,LOW"
        ) from error
    return dict(zip(names, numbers, strict=False))


def _ids(field: str, text: str) -> tuple[int, ...]:
    """Jobs' numbers, with commas or spaces."""
    return tuple(whole(field, word) for word in text.replace(",", " ").split())
