"""Models and qualities of the user's own: a TOML file each.

A model is usually a few lines that extend a shipped one:

id = "ti2v-5b:mine"
extends = "ti2v-5b"
folder = "~/models/my-finetune"        # or: repository = "owner/name"

Or it has quantised experts, and all else from the model that it extends:

id = "t2v-a14b:q8"
extends = "t2v-a14b"

[gguf]
transformer = "~/models/HighNoise-Q8_0.gguf"
transformer_2 = "~/models/LowNoise-Q8_0.gguf"

These may be a repository's, which is pulled with the rest:

[gguf]
repository = "owner/name"
transformer = "HighNoise/HighNoise-Q8_0.gguf"
transformer_2 = "LowNoise/LowNoise-Q8_0.gguf"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from wantui.catalog.gguf import TABLE as GGUF
from wantui.catalog.gguf import need_no_place, with_gguf
from wantui.catalog.recipe import Quality, Recipe
from wantui.errors import SettingsInvalid
from wantui.pipe.gguf import SUFFIX as GGUF_SUFFIX
from wantui.text import nearest, one_line

EXTENDS = "extends"
_ID = re.compile(r"[a-z0-9][a-z0-9._:-]{0,63}")
LOADED = (".safetensors", ".json", ".txt", ".model", GGUF_SUFFIX)
"""Formats that hold data and no code; a pickle of any suffix is none of them."""
_NOT_INHERITED = ("id", "aliases")
_PLACES = ("repository", "folder")
_PLACELESS = (*_NOT_INHERITED, *_PLACES)
Entry = Mapping[str, object]
Kind = TypeVar("Kind", bound=BaseModel)


def own_recipes(folder: Path, shipped: Sequence[Entry]) -> list[Recipe]:
    """Every recipe in the user's folder. Raises SettingsInvalid naming the file and the fault."""
    bases = {str(entry["id"]): entry for entry in shipped}
    taken = {name.casefold() for entry in shipped for name in _names(entry)}
    recipes = []
    for path in sorted(folder.glob("*.toml")):
        recipe = _recipe(path, bases)
        for name in (recipe.id, *recipe.aliases):
            if name.casefold() in taken:
                raise SettingsInvalid(f"{path}: {one_line(name, 80)!r} is another model's name")
            taken.add(name.casefold())
        recipes.append(recipe)
    return recipes


def own_qualities(folder: Path, shipped: Sequence[str]) -> list[Quality]:
    """Every quality in the user's folder. Raises SettingsInvalid naming the file and the fault."""
    taken = set(shipped)
    qualities = []
    for path in sorted(folder.glob("*.toml")):
        quality = _validated(path, Quality, _entry(path))
        _check_id(path, quality.id, "lightning-mine")
        if quality.id in taken:
            raise SettingsInvalid(f"{path}: {quality.id!r} is another quality's name")
        if quality.faithful:
            raise SettingsInvalid(f"{path}: only the shipped `faithful` is faithful")
        taken.add(quality.id)
        qualities.append(quality)
    return qualities


def _names(entry: Entry) -> list[str]:
    aliases = entry.get("aliases")
    return [str(entry["id"]), *(aliases if isinstance(aliases, list) else [])]


def _recipe(path: Path, bases: Mapping[str, Entry]) -> Recipe:
    entry = _entry(path)
    files, has_place = entry.pop(GGUF, None), not entry.keys().isdisjoint(_PLACES)
    borrows = not has_place and EXTENDS in entry and need_no_place(files)
    extended = _extended(path, entry, bases, but=_NOT_INHERITED if borrows else _PLACELESS)
    recipe = _validated(path, Recipe, _quantised(path, extended, files, has_place=has_place))
    _check_id(path, recipe.id, "ti2v-5b:mine")
    for file in recipe.paths:
        if not file.endswith(LOADED):
            raise SettingsInvalid(
                f"{path}: {one_line(file, 80)} is not loaded",
                hint=f"files end in {', '.join(LOADED)}: pickles can run code",
            )
    if not borrows and (recipe.repository is None) == (recipe.folder is None):
        raise SettingsInvalid(f"{path}: say either a repository or a folder")
    return recipe


def _quantised(path: Path, entry: Entry, files: object, *, has_place: bool) -> Entry:
    if files is None:
        return entry
    try:
        return with_gguf(entry, files, has_place=has_place)
    except ValueError as error:
        raise SettingsInvalid(f"{path}: {GGUF}: {error}") from error


def _entry(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error


def _validated(path: Path, kind: type[Kind], entry: Entry) -> Kind:
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"{path}: {where}: {first['msg']}") from error


def _check_id(path: Path, id: str, example: str) -> None:
    if not _ID.fullmatch(id):
        raise SettingsInvalid(
            f"{path}: {one_line(id, 80)!r} is no id",
            hint=f"an id is of a-z, 0-9 and . _ : - such as {example}",
        )


def _extended(
    path: Path, entry: dict[str, object], bases: Mapping[str, Entry], but: Collection[str]
) -> Entry:
    """With what it does not say taken from the model that it extends, but for a few keys."""
    name = entry.pop(EXTENDS, None)
    if name is None:
        return entry
    base = bases.get(str(name))
    if base is None:
        near = nearest(str(name), bases)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(bases))}"
        raise SettingsInvalid(f"{path}: no model is called {one_line(str(name), 80)!r}", hint=hint)
    inherited = {key: value for key, value in base.items() if key not in but}
    return {"aliases": [], **inherited, **entry}
