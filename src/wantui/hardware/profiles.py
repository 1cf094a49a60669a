"""All profiles there are, and which of them a device is planned by.

The user's own lie in `profiles/*.toml` of the configuration folder. One that has a shipped one's
name, or `extends` one, need only say what is different; what it says goes over what was read of the
machine as well. `wantui hw --export` writes a whole one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import ValidationError

from wantui.api.hardware import DeviceClass, Hardware
from wantui.errors import SettingsInvalid
from wantui.hardware.profile import Profile
from wantui.hardware.readings import Subject, readings_of, subject_of
from wantui.text import bytes_text, nearest, one_line

AUTO = "auto"
"""The setting that leaves the choice to `match`."""
EXTENDS = "extends"
Entry = dict[str, object]


@dataclass(frozen=True)
class Matched:
    """A device's profile, with what was read of the machine in it."""

    profile: Profile
    why: str
    """In one sentence, for people."""
    device: str
    """`cpu`, a GPU's UUID, or the name that torch gives to another device."""
    own: bool
    """Whether the profile is the user's."""


@dataclass(frozen=True)
class _Kept:
    profile: Profile
    stated: frozenset[str] = frozenset()
    """Fields that the user's file states: no reading goes over them."""
    own: bool = False


@dataclass(frozen=True)
class Profiles:
    kept: tuple[_Kept, ...]
    """The user's first, so that of two that fit as well theirs is taken."""
    chosen: str = AUTO
    """The name of the one that the settings ask for."""

    @classmethod
    def load(cls, shipped: Path, own: Path | None = None, chosen: str = AUTO) -> Profiles:
        """Read `*.toml` in both folders.

        Raises SettingsInvalid naming the user's file and what is wrong in it.
        """
        entries = {path: _read(path) for path in sorted(shipped.glob("*.toml"))}
        bases = {str(entry["name"]): entry for entry in entries.values()}
        theirs = [_own(path, bases) for path in sorted(own.glob("*.toml"))] if own else []
        names = {kept.profile.name for kept in theirs}
        ours = [_Kept(_validated(path, entry)) for path, entry in entries.items()]
        kept = (*theirs, *(one for one in ours if one.profile.name not in names))
        known = [one.profile.name for one in kept]
        if chosen != AUTO and chosen not in known:
            near = nearest(chosen, known)
            raise SettingsInvalid(
                f"hardware.profile: no profile is called {one_line(chosen, 80)!r}",
                hint=f"did you mean {near}?" if near else f"there are {', '.join(sorted(known))}",
            )
        return cls(kept, chosen)

    def match(self, hardware: Hardware, device: str | None = None) -> Matched:
        """The profile of one device, by default of the one with the most memory. Pure.

        That which the settings name, else one that knows the device by its name, the most exact
        first; else the largest class by memory that the device is not smaller than.
        """
        subject = subject_of(hardware, device)
        kept, why = self._chosen(subject) or self._named(subject) or self._by_class(subject)
        readings = readings_of(kept.profile, subject, hardware)
        unstated = {name: value for name, value in readings.items() if name not in kept.stated}
        return Matched(kept.profile.with_readings(**unstated), why, subject.id, kept.own)

    def _chosen(self, subject: Subject) -> tuple[_Kept, str] | None:
        for kept in self.kept:
            if kept.profile.name == self.chosen and kept.profile.device is subject.kind:
                return kept, f"the settings name {self.chosen}"
        return None

    def _named(self, subject: Subject) -> tuple[_Kept, str] | None:
        fitting = (
            (len(pattern), kept)
            for kept in reversed(self.kept)
            for pattern in kept.profile.devices
            if kept.profile.device is subject.kind
            and fnmatchcase(subject.name.casefold(), pattern.casefold())
        )
        found = max(fitting, key=lambda one: (one[1].own, one[0]), default=None)
        return (found[1], f"it is for {subject.name}") if found else None

    def _by_class(self, subject: Subject) -> tuple[_Kept, str]:
        unknown = f"no profile knows {subject.name}"
        known = next(found for kind in subject.kinds if (found := list(self._classes(kind))))
        if subject.kind in (DeviceClass.CPU, DeviceClass.MPS):
            return known[-1], f"{unknown} by name"
        memory = bytes_text(subject.memory_bytes)
        lower = [kept for kept in known if _memory(kept) <= subject.memory_bytes]
        if not lower:
            return known[0], f"{unknown}, and its {memory} are less than any class has"
        return lower[-1], f"{unknown}: the nearest class below its {memory}"

    def _classes(self, kind: DeviceClass) -> Iterator[_Kept]:
        """From the smallest memory up; of equal ones the user's last."""
        found = [
            kept for kept in self.kept if kept.profile.device is kind and not kept.profile.devices
        ]
        yield from sorted(found, key=lambda kept: (_memory(kept), kept.own))


def _memory(kept: _Kept) -> int:
    return kept.profile.memory_total_bytes


def _own(path: Path, bases: Mapping[str, Entry]) -> _Kept:
    entry = _read(path)
    base = _base(path, entry, bases)
    merged = {**base, **entry}
    for name in ("dtypes", "attention", "sources"):
        below, over = base.get(name), entry.get(name)
        if isinstance(below, dict) and isinstance(over, dict):
            merged[name] = {**below, **over}
    return _Kept(_validated(path, merged), frozenset(entry), own=True)


def _base(path: Path, entry: Entry, bases: Mapping[str, Entry]) -> Entry:
    """What the user's file need not say. Takes `extends` out of it."""
    if EXTENDS not in entry:
        return bases.get(str(entry.get("name")), {})
    wanted = str(entry.pop(EXTENDS))
    if wanted not in bases:
        near = nearest(wanted, bases)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(bases))}"
        raise SettingsInvalid(
            f"{path}: {EXTENDS}: no profile is called {one_line(wanted, 80)!r}", hint=hint
        )
    return bases[wanted]


def _read(path: Path) -> Entry:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error


def _validated(path: Path, entry: Entry) -> Profile:
    for name in entry:
        if name not in Profile.model_fields:
            near = nearest(name, Profile.model_fields)
            hint = f"did you mean {near}?" if near else None
            raise SettingsInvalid(f"{path}: no field is called {one_line(name, 80)!r}", hint=hint)
    try:
        return Profile.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"{path}: {where}: {first['msg']}") from error
