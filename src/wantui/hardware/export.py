"""A machine written down as a profile of the user's own, each number with its unit and source."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap

from pydantic import BaseModel

from wantui.api.hardware import Hardware, ProfileText
from wantui.hardware.profile import Profile
from wantui.hardware.profiles import Matched
from wantui.hardware.readings import subject_of
from wantui.text import one_line

NAME = "mine"
WIDTH = 96
_HEAD = """\
# This machine, as wantui plans for it. Put it into profiles/ beside wantui.toml and change what you
# know better: it goes over what is read of the machine. What you take out is taken from `extends`,
# or read again.
"""


def export(matched: Matched, hardware: Hardware) -> ProfileText:
    """The profile of one device, with what was read of it. Known again by the device's name."""
    return ProfileText(name=NAME, toml="\n".join(_lines(matched, hardware)) + "\n")


def _lines(matched: Matched, hardware: Hardware) -> Iterator[str]:
    profile = matched.profile
    name = subject_of(hardware, matched.device).name
    yield _HEAD
    yield f"name = {_toml(NAME)}"
    if not matched.own:
        yield f"extends = {_toml(profile.name)}"
    yield f"summary = {_toml(f'{name}, from {profile.name}')}"
    yield f"device = {_toml(profile.device)}"
    yield f"devices = {_toml([name])}"
    said = {"name", "summary", "device", "devices", "sources"}
    for field, value in profile.model_dump(mode="json").items():
        if field not in said:
            yield ""
            source = one_line(profile.sources.get(field, "not said"))
            yield from (f"# {line}" for line in wrap(f"{_UNITS[field]} Source: {source}.", WIDTH))
            yield f"{field} = {_toml(value)}"


_UNITS: Mapping[str, str] = {
    name: " ".join((field.description or "").split())
    for name, field in Profile.model_fields.items()
}


def _toml(value: object) -> str:
    """TOML 1.0; a JSON string without control characters is a TOML string."""
    match value:
        case BaseModel():
            return _toml(value.model_dump(mode="json"))
        case Mapping():
            return f"{{ {', '.join(f'{key} = {_toml(item)}' for key, item in value.items())} }}"
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
