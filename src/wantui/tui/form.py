"""What the fields of the generate screen mean. Pure: text in, a request or a field's fault out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from wantui.api.estimate import PlanRequest
from wantui.api.job import Job, JobRequest, Sampler
from wantui.api.model import Defaults, ModelStatus
from wantui.client.adapter_words import ID_CHARACTERS
from wantui.client.lora_text import lora_text
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
from wantui.text import bytes_text, one_line
from wantui.tui.lora_choices import SEPARATOR, read_loras
from wantui.tui.offer import Offer
from wantui.tui.state import State
from wantui.tui.words import weights_state

PROMPT, MODEL, IMAGE, LORAS = "prompt", "model", "image", "loras"
TEXT = ("size", "negative_prompt", "sampler")
WHOLE = ("frames", "steps", "seed")
FAITHFUL = "faithful"
CHOOSE_KEY = "^o"
"""Of the action that chooses LoRAs."""
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
    given |= {name: _whole(name, values[name]) for name in WHOLE if values[name]}
    if values["shift"]:
        given["shift"] = _decimal("shift", values["shift"])
    if values["guidance"]:
        given |= _guidance(values["guidance"])
    if loras := read_loras(values[LORAS]):
        given[LORAS] = loras
    if image:
        given[IMAGE] = image
    return JobRequest(**given)


def plan_request_of(values: Mapping[str, str]) -> PlanRequest:
    """What typed values mean for a plan: a prompt is no part of it.

    Raises InvalidRequest for a field that is not of its kind.
    """
    return PlanRequest(
        model=values[MODEL],
        size=values["size"] or None,
        frames=_whole("frames", values["frames"]) if values["frames"] else None,
        steps=_whole("steps", values["steps"]) if values["steps"] else None,
    )


def values_of(job: Job) -> dict[str, str]:
    """What to type to get the same again."""
    params = job.params
    both = (params.guidance, params.guidance_low)
    return {
        PROMPT: params.prompt,
        MODEL: job.model,
        "size": f"{params.width}x{params.height}",
        "frames": str(params.frames),
        "steps": str(params.steps),
        "guidance": ",".join(_exact(number) for number in both if number is not None),
        "sampler": params.sampler.value,
        "shift": _exact(params.shift),
        "seed": str(params.seed),
        "negative_prompt": params.negative_prompt,
        IMAGE: f"{UPLOADED}{params.image.sha256}" if params.image else "",
        LORAS: SEPARATOR.join(
            lora_text(used.sha256[:ID_CHARACTERS], used.strength, used.expert)
            for used in params.loras
        ),
    }


def not_carried(job: Job, model: ModelStatus | None) -> str:
    """What `values_of` leaves out, as the screen has no field for it; empty if that is nothing."""
    params, lost = job.params, []
    if model is not None:
        official = model.defaults
        if params.fps != official.fps:
            lost.append(f"{params.fps} fps")
    if job.quality != FAITHFUL:
        lost.append(f"quality {job.quality}")
    negative = params.negative_prompt
    if not negative and model is not None and model.defaults.negative_prompt:
        lost.append("an empty negative prompt")
    if negative != one_line(negative):
        lost.append("line breaks and runs of spaces in the negative prompt")
    return ", ".join(lost)


def offer_of(model: ModelStatus) -> Offer:
    """What the generate screen shows of a model."""
    return Offer(
        id=model.id,
        label=(f"{model.id}  ", weights_state(model.weights.state)),
        placeholders=_defaults(model.defaults) | {IMAGE: _image_words(model)},
        sizes="  ".join(model.limits.sizes),
        absent=absent_words(model),
        max_prompt_characters=model.limits.max_prompt_characters,
    )


def _image_words(model: ModelStatus) -> str:
    if not model.takes_image:
        return "this model takes none"
    return f"{'needed' if model.needs_image else 'optional'}: PNG, JPEG or WebP"


def _defaults(defaults: Defaults) -> dict[str, str]:
    """The official value of every field, as its placeholder says it."""
    low = f",{defaults.guidance_low:g}" if defaults.guidance_low is not None else ""
    return {
        "size": f"{defaults.width}x{defaults.height}",
        "frames": str(defaults.frames),
        "steps": str(defaults.steps),
        "guidance": f"{defaults.guidance:g}{low}",
        "sampler": Sampler.UNIPC.value,
        "shift": f"{defaults.shift:g}",
        "seed": "drawn",
        LORAS: f"none; {CHOOSE_KEY} chooses",
        "negative_prompt": defaults.negative_prompt or "none",
    }


def concerns(error: WantuiError) -> str | None:
    """The field that a refusal is about, if it is about one."""
    field = error.detail.get("field")
    if isinstance(field, str):
        return _ALSO_NAMED.get(field, field)
    return _CONCERNS.get(error.code)


def refusal(error: WantuiError) -> str:
    """What is wrong, and what to do: for one line below the field."""
    message = error.message
    field = error.detail.get("field")
    if isinstance(field, str):
        message = message.removeprefix(f"{field}: ")
    return f"{message}; {error.hint}" if error.hint else message


def absent_words(model: ModelStatus) -> str | None:
    """How to get the weights that are not there."""
    weights = model.weights
    if weights.state.usable:
        return None
    if weights.bad:
        return f"weights corrupt: wantui repair {model.id}"
    size = bytes_text(weights.bytes_needed - weights.bytes_present)
    get = f": {weights.get_command}" if weights.get_command else ""
    return f"weights {weights.state}, {size} to fetch{get}"


def model_to_start_with(state: State, wanted: str) -> str | None:
    """The settings' model, or the one used last that is still there, or one that is."""
    ready = [m for m in state.models.values() if m.weights.state.usable]
    for model in state.models.values():
        if wanted.casefold() in (name.casefold() for name in (model.id, *model.aliases)):
            return model.id
    usable = {model.id for model in ready if not model.needs_image}
    for job in sorted(state.jobs.values(), key=lambda job: -job.id):
        if job.model in usable:
            return job.model
    return min(usable, default=next(iter(state.models), None))


def _exact(number: float) -> str:
    """What reads back as the same number: a rounded one is another video."""
    return repr(number).removesuffix(".0")


def _whole(field: str, text: str) -> int:
    try:
        return int(text.replace("_", ""))
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
