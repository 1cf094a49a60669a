"""A LoRA that a job is to use, in one word: `NAME[:STRENGTH][@high|low]`, read and written."""

from __future__ import annotations

import re

from pydantic import ValidationError

from wantui.api.lora import MAX_STRENGTH, LoraExpert, LoraUse
from wantui.errors import InvalidRequest
from wantui.text import one_line

BEHIND = (
    f"then :STRENGTH, -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}, and @high or @low, where they are "
    "wanted"
)
_ALLOWED = f"a name or id of `wantui lora ls`, {BEHIND}"
_FORM = re.compile(
    r"(?P<adapter>(?:.*/)?(?:[^/:@]+|[^/]+\.safetensors))"  # a file's name may hold anything
    r"(?::(?P<strength>[^:@/]*))?(?:@(?P<expert>[^:@/]*))?",
    re.DOTALL | re.IGNORECASE,
)


def read_lora(text: str, allowed: str = _ALLOWED) -> LoraUse:
    """Raises InvalidRequest saying what is allowed."""
    match = _FORM.fullmatch(text)
    try:
        if match is None:
            raise ValueError("nothing is named")
        given = {name: part for name, part in match.groupdict().items() if part is not None}
        if "strength" in given:
            return LoraUse.model_validate(given | {"strength": float(given["strength"])})
        return LoraUse.model_validate(given)
    except (ValueError, ValidationError):
        problem = f"cannot read {one_line(text, 200)!r}"
        raise InvalidRequest.for_field("lora", problem, allowed=allowed) from None


def lora_text(adapter: str, strength: float, expert: LoraExpert) -> str:
    """What `read_lora` reads as this; what goes without saying is left out."""
    how_much = "" if strength == 1.0 else f":{strength!r}".removesuffix(".0")
    return f"{adapter}{how_much}" + ("" if expert is LoraExpert.BOTH else f"@{expert}")
