"""`--preset NAME`: what a saved request brings to one that is made by options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wantui.api.batch import MAX_BATCH
from wantui.api.lora import LoraUse
from wantui.cli.batch import lora_of, start_at_of
from wantui.cli.terminal import narrate
from wantui.client.batch_file import COUNT
from wantui.client.presets import Presets
from wantui.errors import InvalidRequest
from wantui.paths import Paths
from wantui.text import one_line


@dataclass(frozen=True)
class Base:
    """What options go over."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the request, but for those below."""
    image: Path | None = None
    loras: tuple[LoraUse, ...] = ()
    count: int | None = None


def read_preset(name: str, *, alone: bool) -> Base:
    """Raises InvalidRequest where there is none, or it says what no request can."""
    if not alone:
        raise InvalidRequest("--preset is for one prompt", hint="leave out --from and --file")
    preset = Presets(Paths.from_environment().presets).named(name)
    where = f"preset {one_line(preset.name, 60)}"
    for key in preset.unknown:
        narrate(f"{where}: {one_line(key, 60)} means nothing here")
    fields = preset.known
    image, loras = fields.pop("image", None), fields.pop("loras", ())
    count = fields.pop(COUNT, None)
    if count is not None and (type(count) is not int or not 1 <= count <= MAX_BATCH):
        raise InvalidRequest(f"{where}: count is no number of jobs", hint=f"1 to {MAX_BATCH}")
    try:
        uses = tuple(lora_of(use) for use in loras)
    except (TypeError, ValidationError) as error:
        raise InvalidRequest(f"{where}: loras are no list of LoRAs", hint="") from error
    if "start_at" in fields:
        fields["start_at"] = start_at_of(fields["start_at"])
    return Base(fields, None if image is None else Path(str(image)), uses, count)
