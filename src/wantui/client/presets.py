"""Requests that the user saved by name: `presets.toml` in the folder of the settings.

    ["night drive"]
    prompt = "a car at night"
    size = "832x480"
    loras = ["film:0.8"]

Fields are those of a job in a file (`client/batch_file.py`). The user edits the file too, so a
change touches the lines of one preset and no other: comments, order, and keys that this version
does not know stay as they are. (A library that keeps a file's style takes a comment for the end of
the table above it, and removes it with that.)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wantui.api.job import JobRequest
from wantui.client.batch_file import COUNT
from wantui.errors import InvalidRequest, SettingsInvalid
from wantui.files import PRIVATE_FOLDER, unwritable, write_atomic
from wantui.text import nearest, one_line
from wantui.toml_text import key_text, value_text

MAX_NAME_CHARACTERS = 64
KNOWN = frozenset({*JobRequest.model_fields, COUNT})
"""Fields that a preset may have and that mean something; others are kept."""
_HEADER = re.compile(r"\s*\[")


@dataclass(frozen=True)
class Preset:
    name: str
    fields: Mapping[str, Any]
    """As the file has them: `image` is a path on this machine, `loras` as `--lora` takes them."""

    @property
    def known(self) -> dict[str, Any]:
        return {name: value for name, value in self.fields.items() if name in KNOWN}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Keys that mean nothing to this version."""
        return tuple(name for name in self.fields if name not in KNOWN)


class Presets:
    """Reads the file each time: somebody may have it open in an editor.

    Every method raises SettingsInvalid for a file that cannot be read, which is never written over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> tuple[Preset, ...]:
        """In the file's order."""
        return tuple(Preset(name, fields) for name, fields in _parsed(self._text(), self.path))

    def named(self, name: str) -> Preset:
        """Raises InvalidRequest where there is none, with the nearest."""
        found = {preset.name: preset for preset in self.all()}
        if name not in found:
            near = nearest(name, found)
            raise InvalidRequest(
                f"no preset is called {one_line(name, 60)!r}",
                hint=f"did you mean {one_line(near)}?" if near else "see: wantui presets",
            )
        return found[name]

    def save(self, name: str, fields: Mapping[str, Any]) -> None:
        """In the place of one of this name, whose unknown keys stay. Raises InvalidRequest."""
        name = checked_name(name)
        with self._locked():
            before = dict(_parsed(self._text(), self.path))
            old = Preset(name, before.get(name, {}))
            kept = {key: old.fields[key] for key in old.unknown}
            self._change(name, {**fields, **kept}, before)

    def remove(self, name: str) -> None:
        """Raises InvalidRequest where there is none."""
        with self._locked():
            self._change(self.named(name).name, None, dict(_parsed(self._text(), self.path)))

    def _change(
        self, name: str, fields: Mapping[str, Any] | None, before: dict[str, dict[str, Any]]
    ) -> None:
        """Write the file with one preset changed, once it is seen to read as it should."""
        wanted = {other: table for other, table in before.items() if other != name}
        text = _without(self._text(), name)
        if fields is not None:
            wanted[name] = dict(fields)
            text = f"{text.rstrip()}\n\n{_table(name, fields)}".lstrip()
        try:
            reads_as_wanted = dict(_parsed(text, self.path)) == wanted
        except SettingsInvalid:
            reads_as_wanted = False
        if not reads_as_wanted:
            raise SettingsInvalid(
                f"{self.path} is written in a way that wantui cannot change: preset "
                f"{one_line(name)!r} was left as it was",
                hint="change it there with an editor",
            )
        # A link is what people have who keep such files elsewhere: what it leads to is written.
        write_atomic(self.path.resolve(), text.encode("utf-8"))

    def _text(self) -> str:
        """Empty where there is no file yet."""
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            said = "is not UTF-8" if isinstance(error, ValueError) else str(error)
            raise SettingsInvalid(
                f"{self.path}: {said}", hint="mend it, or move it elsewhere"
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One client at a time changes the file."""
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise unwritable(folder, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            os.close(handle)


def preset_text(preset: Preset) -> str:
    """As the file has it."""
    return _table(preset.name, preset.fields)


def checked_name(name: str) -> str:
    """On one line and not too long. Raises InvalidRequest."""
    tidy = one_line(name)
    if not tidy or len(tidy) > MAX_NAME_CHARACTERS:
        raise InvalidRequest(
            f"{one_line(name, 60)!r} is no name for a preset",
            hint=f"give 1 to {MAX_NAME_CHARACTERS} characters",
        )
    return tidy


def _parsed(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsInvalid(
            f"{path}: {error}", hint="mend that line, or move the file elsewhere"
        ) from error
    for name, fields in content.items():
        if not isinstance(fields, dict):
            raise SettingsInvalid(
                f"{path}: {one_line(name, 60)} is no preset", hint="presets are tables: [name]"
            )
        yield name, fields


def _without(text: str, name: str) -> str:
    """Without the lines of one preset; comments right above the next one belong to that."""
    lines = text.splitlines(keepends=True)
    own = [number for number, line in enumerate(lines) if _is_header_of(line, name)]
    if not own:
        return text
    start = own[0]
    after = (n for n in range(start + 1, len(lines)) if _HEADER.match(lines[n]) and n not in own)
    end = next(after, len(lines))
    while end < len(lines) and end - 1 > start and _is_aside(lines[end - 1]):
        end -= 1
    while start > 0 and not lines[start - 1].strip():
        start -= 1
    return "".join(lines[:start] + lines[end:])


def _is_aside(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _is_header_of(line: str, name: str) -> bool:
    """Whether it begins this preset, or a table within it."""
    if not _HEADER.match(line):
        return False
    try:
        return list(tomllib.loads(line)) == [name]
    except tomllib.TOMLDecodeError:
        return False


def _table(name: str, fields: Mapping[str, Any]) -> str:
    said = (f"{key_text(key)} = {value_text(value)}\n" for key, value in fields.items())
    return f"[{key_text(name)}]\n{''.join(said)}"
