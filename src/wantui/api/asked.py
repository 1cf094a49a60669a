"""What to ask for to get a job, or the job that a clip was made by, again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wantui.api.job import Params
from wantui.api.lora import LoraUse
from wantui.api.video import Encoding

CARRIED: tuple[str, ...] = (
    *("prompt", "negative_prompt", "frames", "fps", "steps", "guidance", "guidance_low"),
    *("shift", "sampler", "seed"),
)
"""Fields that a request has under the name that they have in a job's parameters."""


def fields_of(
    model: str, quality: str, params: Params, encoding: Encoding | None
) -> dict[str, Any]:
    """Fields of a request for the same again; what does not apply is None."""
    written = {}
    if encoding is not None:
        written = {"codec": encoding.codec.value, "crf": encoding.crf, "png": encoding.png}
    return {
        **{name: getattr(params, name) for name in CARRIED},
        "model": model,
        "quality": quality,
        "size": f"{params.width}x{params.height}",
        "sampler": params.sampler.value,
        "image": params.image.sha256 if params.image else None,
        "loras": [
            LoraUse(adapter=lora.sha256, strength=lora.strength, expert=lora.expert)
            for lora in params.loras
        ],
        **written,
    }


def overridden(made: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with those that were given in their place, if they are not None.

    Guidance of the low-noise expert follows the high one's when only that is given, as ever, and a
    codec's own scale of quality goes with the codec.
    """
    fields = {**made, **{name: value for name, value in given.items() if value is not None}}
    for leader, follower in (("guidance", "guidance_low"), ("codec", "crf")):
        if given.get(leader) is not None and given.get(follower) is None:
            fields[follower] = None
    return fields
