"""The `[gguf]` table of a model of the user's own: experts from GGUF files.

A file is whole (`/...` or `~/...`), or relative to the repository that the table names, or else to
the model's folder or repository. A model that names neither of these takes all else from those of
the model that it extends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from wantui.pipe.gguf import SUFFIX
from wantui.text import one_line

TABLE = "gguf"
_REPOSITORY = "repository"
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_EXPERT = "WanTransformer3DModel"
Entry = Mapping[str, object]


def with_gguf(entry: Entry, files: object, *, has_place: bool) -> Entry:
    """The model with its experts' weights from these files instead of shards.

    `has_place` if it names a folder or repository, which a file can be relative to. Raises
    ValueError with what is wrong.
    """
    if not isinstance(files, dict) or not files.keys() - {_REPOSITORY}:
        raise ValueError("it names a file for each expert")
    repository = _repository(files)
    places = {
        str(name): _place(name, file, repository, has_place=has_place)
        for name, file in files.items()
        if name != _REPOSITORY
    }
    parts = entry.get("components")
    known = parts if isinstance(parts, list) else []
    experts = [name for part in known if (name := _expert(part)) is not None]
    for name in places:
        if name not in experts:
            raise ValueError(f"{one_line(name, 80)} is no expert of it: {', '.join(experts)}")
    another = None if repository == entry.get("repository") else repository
    components = [_from(part, places) for part in known]
    return {**entry, "gguf_repository": another, "components": components}


def need_no_place(files: object) -> bool:
    """Whether it is known where all of them are without the model's own folder or repository."""
    return isinstance(files, dict) and (
        _REPOSITORY in files or all(_is_whole(str(file)) for file in files.values())
    )


def _repository(files: Mapping[str, object]) -> str | None:
    """That all of them are in."""
    repository = files.get(_REPOSITORY)
    if repository is None:
        return None
    if not isinstance(repository, str) or not _NAME.fullmatch(repository):
        raise ValueError(f"{one_line(str(repository), 80)} is no repository: owner/name")
    return repository


def _expert(part: object) -> str | None:
    """A component's name if it is an expert."""
    if not isinstance(part, dict) or part.get("class_name") != _EXPERT:
        return None
    return str(part.get("name"))


def _from(part: object, files: Mapping[str, str]) -> object:
    file = files.get(_expert(part) or "")
    return {**part, "weights": None, "gguf": file} if isinstance(part, dict) and file else part


def _place(name: object, file: object, repository: str | None, *, has_place: bool) -> str:
    if not isinstance(file, str) or not file.endswith(SUFFIX):
        raise ValueError(f"{one_line(str(name), 80)} is no {SUFFIX} file")
    if repository is not None:
        if _is_whole(file):
            raise ValueError(f"{one_line(file, 80)} is not in {repository}: say its path there")
        return file
    if _is_whole(file):
        return str(Path(file).expanduser())
    if not has_place:
        raise ValueError(
            f"{one_line(file, 80)}: say where it is, as ~/{one_line(file, 80)}, or name the "
            "repository that it is in, or a folder or repository that has all of the model"
        )
    return file


def _is_whole(file: str) -> bool:
    return file.startswith(("/", "~/"))
