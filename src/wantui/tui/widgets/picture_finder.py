"""A picture of this machine, found by looking through folders, with a glance at it beside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from wantui.client.picture import read_picture
from wantui.client.words import clock
from wantui.errors import WantuiError
from wantui.text import bytes_text, one_line
from wantui.tui.latest import run_latest
from wantui.tui.pictures import Item, Listing, field_text, listing, typed_folder
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.finder import Finder
from wantui.tui.widgets.picture import Picture
from wantui.tui.widgets.table import Column, Row

UP = "../"
PATH_CHARACTERS = 40
LOOK_AFTER_S = 0.15
"""How long the cursor rests on a picture before it is read."""


class PictureFinder(Finder[str]):
    """The path that was chosen, as the field says it."""

    DEFAULT_CSS = """
    PictureFinder Picture { width: 2fr; height: 1fr; margin-left: 1; }
    PictureFinder Table { width: 3fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "back", "Up one folder", priority=True, show=False),
    ]
    COLUMNS = (
        Column("name"),
        Column("size", 8, right=True, from_width=34),
        Column("changed", 10, from_width=48),
    )
    EMPTY = "nothing to look at here"
    KEYS = "type to find, or a folder and /; enter opens or takes it, backspace goes up, esc leaves"

    def __init__(self, found: Listing, most_bytes: int, *, plain: bool) -> None:
        super().__init__(_told(found)[0])
        self._found = found
        self._most_bytes = most_bytes
        self._plain = plain
        """Whether a glance is to cost few bytes."""
        self._shown: dict[str, Item] = {}
        self._look: Timer | None = None

    def beside(self) -> Iterable[Widget]:
        yield Picture("no picture", plain=self._plain)

    def rows(self, typed: str) -> Sequence[Row]:
        self._shown = {item.name: item for item in self._found.shown(typed)}
        rows = [_row(item) for item in self._shown.values()]
        at_root = self._found.folder == self._found.folder.parent
        return rows if typed or at_root else [Row(UP, ((UP, Tone.PLAIN), *_NOTHING)), *rows]

    def show_chosen(self) -> None:
        """Look at the picture once the cursor rests."""
        if self._look is not None:
            self._look.stop()
        item = self._chosen
        if item is None or item.is_folder:
            self.query_one(Picture).show(None, "")
        else:
            self._look = self.set_timer(LOOK_AFTER_S, lambda: self._look_at(item))

    def _look_at(self, item: Item) -> None:
        run_latest(self, "look", self._read, item)

    async def _read(self, item: Item) -> None:
        picture = self.query_one(Picture)
        try:
            content = await asyncio.to_thread(read_picture, item.path, self._most_bytes)
        except WantuiError as error:
            picture.show(None, error.message.replace(f"{item.path} ", ""))
        else:
            picture.show(content, "…")

    def narrow(self, typed: str) -> None:
        """A path to a folder that is typed out leads there at once."""
        if (named := typed_folder(typed, self._found.folder)) is not None:
            self._open(named)
        else:
            super().narrow(typed)

    def take(self, typed: str) -> None:  # noqa: ARG002 - what is chosen is taken
        """Into a folder, or the picture."""
        item = self._chosen
        if self.table.chosen == UP:
            self._open(self._found.folder.parent)
        elif item is not None and item.is_folder:
            self._open(item.path)
        elif item is not None:
            self.dismiss(field_text(item.path))

    def action_back(self) -> None:
        """A letter less, or where there is none the folder above."""
        if self.typed:
            self.query_one(Input).action_delete_left()
        else:
            self._open(self._found.folder.parent)

    def _open(self, folder: Path) -> None:
        run_latest(self, "folder", self._opened_folder, folder)

    async def _opened_folder(self, folder: Path) -> None:
        self._found = await asyncio.to_thread(listing, folder)
        self.say(*_told(self._found))
        query = self.query_one(Input)
        if query.value:
            query.value = ""  # which draws
        else:
            self.draw()
            self.table.cursor = 0

    @property
    def _chosen(self) -> Item | None:
        name = self.table.chosen
        return self._shown.get(name) if isinstance(name, str) else None


def _told(found: Listing) -> Said:
    """The folder, by its end where it is long, and what of it is not shown."""
    path = one_line(field_text(found.folder))
    short = path if len(path) <= PATH_CHARACTERS else f"…{path[-PATH_CHARACTERS:]}"
    if found.problem:
        return f"{short}  ✗ {found.problem}", Tone.BAD
    others = f"  ({found.others} more that are no pictures)" if found.others else ""
    return f"{short}{others}", Tone.STRONG


_NOTHING = (("", Tone.PLAIN), ("", Tone.PLAIN))


def _row(item: Item) -> Row:
    if item.is_folder:
        return Row(item.name, ((item.name, Tone.STRONG), *_NOTHING))
    return Row(
        item.name,
        (
            (item.name, Tone.PLAIN),
            (bytes_text(item.bytes), Tone.MUTED),
            (clock(item.changed_at)[:10], Tone.MUTED),
        ),
    )
