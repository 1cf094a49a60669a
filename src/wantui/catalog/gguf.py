"""The `[gguf]` table of a model of the user's own: experts from GGUF files.

A file is whole (`/...` or `~/...`), or relative to the model's folder or repository. A model that
names neither of these takes all else from those of the model that it extends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wantui.pipe.gguf import SUFFIX
from wantui.text import one_line

TABLE = "gguf"
_EXPERT = "WanTransformer3DModel"
Entry = Mapping[str, object]


def with_gguf(entry: Entry, files: object, *, has_place: bool) -> Entry:
    """The model with its experts' weights from these files instead of shards.

    `has_place` if it names a folder or repository, which a file can be relative to. Raises
    ValueError with what is wrong.
    """
    if not isinstance(files, dict) or not files:
        raise ValueError("it names a file for each expert")
    places = {str(name): _place(name, file, has_place=has_place) for name, file in files.items()}
    parts = entry.get("components")
    known = parts if isinstance(parts, list) else []
    experts = [name for part in known if (name := _expert(part)) is not None]
    for name in places:
        if name not in experts:
            raise ValueError(f"{one_line(name, 80)} is no expert of it: {', '.join(experts)}")
    return {**entry, "components": [_from(part, places) for part in known]}


def are_whole(files: object) -> bool:
    """Whether all of them are somewhere on this disk, and none in a repository or folder."""
    return isinstance(files, dict) and all(_is_whole(str(file)) for file in files.values())


def _expert(part: object) -> str | None:
    """A component's name if it is an expert."""
    if not isinstance(part, dict) or part.get("class_name") != _EXPERT:
        return None
    return str(part.get("name"))


def _from(part: object, files: Mapping[str, str]) -> object:
    file = files.get(_expert(part) or "")
    return {**part, "weights": None, "gguf": file} if isinstance(part, dict) and file else part


def _place(name: object, file: object, *, has_place: bool) -> str:
    if not isinstance(file, str) or not file.endswith(SUFFIX):
        raise ValueError(f"{one_line(str(name), 80)} is no {SUFFIX} file")
    if _is_whole(file):
        return str(Path(file).expanduser())
    if not has_place:
        raise ValueError(
            f"{one_line(file, 80)}: say where it is, as ~/{one_line(file, 80)}, or name a folder "
            "or repository that has all of the model"
        )
    return file


def _is_whole(file: str) -> bool:
    return file.startswith(("/", "~/"))
