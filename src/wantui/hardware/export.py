"""A machine written down as a profile of the user's own, each number with its unit and source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from glob import escape
from textwrap import wrap

from wantui.api.hardware import Hardware, ProfileText
from wantui.hardware.profile import Profile
from wantui.hardware.profiles import Matched
from wantui.hardware.readings import subject_of
from wantui.text import one_line
from wantui.toml_text import value_text

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
    subject = subject_of(hardware, matched.device)
    name = subject.name
    yield _HEAD
    yield f"name = {value_text(NAME)}"
    if not matched.own:
        yield f"extends = {value_text(profile.name)}"
    yield f"summary = {value_text(f'{name}, from {profile.name}')}"
    yield f"device = {value_text(subject.kind)}"  # its profile may be of another kind: a class's
    yield f"devices = {value_text([escape(name)])}"
    said = {"name", "summary", "device", "devices", "sources"}
    for field, value in profile.model_dump(mode="json").items():
        if field not in said:
            yield ""
            source = one_line(profile.sources.get(field, "not said"))
            yield from (f"# {line}" for line in wrap(f"{_UNITS[field]} Source: {source}.", WIDTH))
            yield f"{field} = {value_text(value)}"


_UNITS: Mapping[str, str] = {
    name: " ".join((field.description or "").split())
    for name, field in Profile.model_fields.items()
}
