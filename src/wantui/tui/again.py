"""An earlier job, or a preset, as the fields of the generate screen, and back. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wantui.api.adapter import Adapter
from wantui.api.job import Job
from wantui.api.lora import LoraExpert, LoraUse
from wantui.api.model import ModelStatus
from wantui.client.adapter_words import ID_CHARACTERS
from wantui.client.lora_text import lora_text
from wantui.client.presets import Preset
from wantui.errors import InvalidRequest
from wantui.text import one_line
from wantui.tui import form
from wantui.tui.form import AFTER, COUNT, IMAGE, LORAS, MODEL, NEGATIVE, NONE, PROMPT, UPLOADED
from wantui.tui.lora_choices import SEPARATOR
from wantui.tui.offers import FAITHFUL

_AS_TYPED = (*form.TEXT, *form.WHOLE, PROMPT, MODEL, NEGATIVE, "shift", COUNT)
"""Fields that a preset has as the form does, but for their kind."""


def values_of(job: Job, model: ModelStatus | None = None) -> dict[str, str]:
    """What to type to get the same again; of what the model has anyway only what says more."""
    params = job.params
    both = (params.guidance, params.guidance_low)
    has_negative = model is None or bool(model.defaults.negative_prompt)
    no_fps = model is not None and params.fps == model.defaults.fps
    return {
        PROMPT: params.prompt,
        MODEL: job.model,
        "quality": "" if job.quality == FAITHFUL else job.quality,
        "size": f"{params.width}x{params.height}",
        "frames": str(params.frames),
        "fps": "" if no_fps else str(params.fps),
        "steps": str(params.steps),
        "guidance": ",".join(_exact(number) for number in both if number is not None),
        "sampler": params.sampler.value,
        "shift": _exact(params.shift),
        "seed": str(params.seed),
        NEGATIVE: params.negative_prompt or (NONE if has_negative else ""),
        IMAGE: f"{UPLOADED}{params.image.sha256}" if params.image else "",
        LORAS: SEPARATOR.join(
            lora_text(used.sha256[:ID_CHARACTERS], used.strength, used.expert)
            for used in params.loras
        ),
        "label": job.label or "",
    }


def varied(values: Mapping[str, str]) -> dict[str, str]:
    """The same with another seed, which the daemon draws."""
    return {**values, "seed": ""}


def not_carried(job: Job, model: ModelStatus | None, adapters: Iterable[Adapter] | None) -> str:
    """What `values_of` cannot type, or what is not there any more; empty if that is nothing.

    `adapters` are those that the daemon keeps, if it was asked.
    """
    lost = []
    if model is None:
        lost.append(f"the model {job.model}, which is not here any more")
    if adapters is not None:
        kept = {adapter.id for adapter in adapters}
        gone = [used.name for used in job.params.loras if used.sha256 not in kept]
        lost += [f"LoRA {one_line(name, 40)}, which is not kept any more" for name in gone]
    negative = job.params.negative_prompt
    if negative != negative.strip() or negative == NONE:
        lost.append("the negative prompt to the last character")
    if job.params.prompt != job.params.prompt.strip():
        lost.append("spaces around the prompt")
    if job.encoding is not None and job.encoding.png:
        lost.append("frames as PNG")
    return ", ".join(lost)


def preset_of(values: Mapping[str, str]) -> dict[str, Any]:
    """What is typed, as a preset has it. Raises InvalidRequest for what cannot be read."""
    image = values[IMAGE]
    if image.startswith(UPLOADED):
        raise InvalidRequest.for_field(IMAGE, "is an earlier job's", allowed="a file, in a preset")
    request = form.request_of(values, str(Path(image).expanduser().absolute()) if image else None)
    fields = request.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if request.loras:
        fields[LORAS] = [lora_text(use.adapter, use.strength, use.expert) for use in request.loras]
    if (count := form.count_of(values)) > 1:
        fields[COUNT] = count
    if not request.prompt:
        del fields[PROMPT]
    return {
        name: fields[name] for name in dict.fromkeys((PROMPT, MODEL, *fields)) if name in fields
    }


def values_of_preset(preset: Preset) -> tuple[dict[str, str], tuple[str, ...]]:
    """What to type, and the names of what has no field or cannot be read."""
    fields, values = preset.fields, {}
    for name in _AS_TYPED:
        if isinstance(value := fields.get(name), str | int | float):
            values[name] = _exact(value) if isinstance(value, float) else str(value)
    if fields.get(NEGATIVE) == "":
        values[NEGATIVE] = NONE
    both = (fields.get("guidance"), fields.get("guidance_low"))
    values["guidance"] = ",".join(_exact(float(n)) for n in both if isinstance(n, int | float))
    if isinstance(image := fields.get(IMAGE), str):
        values[IMAGE] = image
    if isinstance(loras := fields.get(LORAS), list):
        values[LORAS] = SEPARATOR.join(filter(None, map(_lora, loras)))
    if isinstance(after := fields.get(AFTER), list):
        values[AFTER] = SEPARATOR.join(map(str, after))
    told = {*values, "guidance_low"}
    return values, tuple(name for name in fields if name not in told)


def _lora(given: object) -> str | None:
    """Of a preset: `NAME:STRENGTH@expert`, or a table."""
    match given:
        case str():
            return given
        case {"adapter": str(adapter), **rest}:
            strength, expert = rest.get("strength", 1.0), rest.get("expert", LoraExpert.BOTH)
            given = {"adapter": adapter, "strength": strength, "expert": expert}
            with contextlib.suppress(ValidationError):
                use = LoraUse.model_validate(given)
                return lora_text(use.adapter, use.strength, use.expert)
            return None
        case _:
            return None


def _exact(number: float) -> str:
    """What reads back as the same number: a rounded one is another video."""
    return repr(number).removesuffix(".0")
