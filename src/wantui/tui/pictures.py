"""Folders and pictures of this machine, to choose a first frame of."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wantui.text import one_line
from wantui.tui.fuzzy import best

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Item:
    """A picture, or a folder to look into."""

    path: Path
    is_folder: bool
    bytes: int = 0
    changed_at: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.path.name}/" if self.is_folder else self.path.name


@dataclass(frozen=True)
class Listing:
    folder: Path
    items: tuple[Item, ...] = ()
    """Folders by name, then pictures, the newest first."""
    others: int = 0
    """Files that are no pictures, and names that cannot be typed."""
    problem: str = ""

    def shown(self, typed: str) -> list[Item]:
        """What fits; hidden ones only to those who begin with a dot."""
        hidden = typed.startswith(".")
        return best(typed, (i for i in self.items if hidden or i.name[0] != "."), _name)


def _name(item: Item) -> str:
    return item.name


def listing(folder: Path) -> Listing:
    """What is in a folder; what cannot be looked at is said, not raised."""
    folder = folder.absolute()
    try:
        with os.scandir(folder) as entries:
            found = [_item(entry) for entry in entries]
    except OSError as error:
        return Listing(folder, problem=f"cannot look into it: {error.strerror}")
    items = [item for item in found if item is not None]
    return Listing(folder, tuple(_sorted(items)), others=len(found) - len(items))


def _item(entry: os.DirEntry[str]) -> Item | None:
    """None for what is no picture, or has a name that is another once it is typed."""
    if one_line(entry.name) != entry.name:
        return None
    try:
        if entry.is_dir():
            return Item(Path(entry.path), is_folder=True)
        if not entry.name.casefold().endswith(SUFFIXES) or not entry.is_file():
            return None
        info = entry.stat()
    except OSError:  # a link that leads nowhere
        return None
    return Item(Path(entry.path), False, info.st_size, info.st_mtime)


def _sorted(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda i: (not i.is_folder, -i.changed_at, i.name.casefold()))


def folder_to_start_in(typed: str) -> Path:
    """Of the picture that is typed, the nearest folder that there is; else where we are."""
    try:
        path = Path(typed).expanduser().absolute() if typed else Path.cwd()
        return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))
    except (OSError, RuntimeError, ValueError):  # no home, a null character, a folder that is gone
        return Path("/")


def typed_folder(typed: str, folder: Path) -> Path | None:
    """The folder that somebody names by a path, from `folder`: what ends with a slash."""
    if not typed.endswith("/"):
        return None
    try:
        named = (folder / Path(typed).expanduser()).resolve()
        return named if named.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None


def field_text(path: Path) -> str:
    """As the field says it: from home on where it is below."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
