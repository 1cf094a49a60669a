"""A list of rows that repaints only the rows that changed, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wantui.text import one_line
from wantui.tui.actions import moves
from wantui.tui.tone import Said, Tone

GAP = 2
MARK = "◆"
JOINERS = dict.fromkeys(map(ord, "\u200d\ufe0e\ufe0f"))
"""Terminals do not agree how wide joined emoji are: a table shows the parts."""
LONGEST_CELL = 400
"""Characters of a cell that are looked at: more than any terminal is wide."""


@dataclass(frozen=True)
class Column:
    title: str
    width: int | None = None
    """Cells; None takes what is left. One column of a table has none."""
    right: bool = False
    from_width: int = 0
    """Left out where the table is narrower than this."""


@dataclass(frozen=True)
class Row:
    key: int | str
    cells: tuple[Said, ...]
    marked: bool = False
    """One of several that a verb is to act on."""


class Table(ScrollView, can_focus=True):
    """Rows under a head, one of them chosen by arrows, j/k/g/G or the mouse."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head",
        "table--cursor",
        "table--blurred",
        *(f"table--{tone}" for tone in Tone),
    }
    DEFAULT_CSS = """
    Table {
        height: 1fr;
        scrollbar-size-vertical: 1;
        & > .table--head { text-style: bold dim; }
        & > .table--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        &:nocolor > .table--cursor { text-style: reverse; }
        & > .table--blurred { background: $surface; text-style: bold; }
        & > .table--plain { color: $foreground; }
        & > .table--muted { text-style: dim; }
        & > .table--good { color: $success; }
        & > .table--busy { color: $primary; }
        & > .table--warn { color: $warning; }
        & > .table--bad { color: $error; }
        & > .table--strong { text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = moves(
        next="move(1)",
        before="move(-1)",
        page="page(1)",
        page_back="page(-1)",
        first="edge(False)",
        last="edge(True)",
    )

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """Another row is chosen, or the chosen one is new."""

        def __init__(self, table: Table) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> Table:
            return self.table

    class Opened(Moved):
        """The chosen row was clicked."""

    def __init__(self, *columns: Column, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._empty = empty
        self._rows: tuple[Row, ...] = ()

    @property
    def empty(self) -> str:
        """What is said where there are no rows: the next key."""
        return self._empty

    @empty.setter
    def empty(self, words: str) -> None:
        if words != self._empty:
            self._empty = words
            if not self._rows:
                self._repaint(0)

    @property
    def chosen(self) -> int | str | None:
        """The chosen row's key."""
        return self._rows[self.cursor].key if self._rows else None

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows; the chosen one stays chosen wherever it went."""
        before, chosen = self._rows, self.chosen
        self._rows = tuple(rows)
        if len(before) != len(rows):
            self._measure()
            self.refresh()
        else:
            for index, (old, new) in enumerate(zip(before, rows, strict=True)):
                if old is not new and old != new:
                    self._repaint(index)
        where = next((i for i, row in enumerate(rows) if row.key == chosen), None)
        self.cursor = self._within(self.cursor if where is None else where)
        if self.chosen != chosen:
            self.post_message(self.Moved(self))

    def choose(self, key: int | str) -> None:
        """Choose the row with this key, if there is one."""
        where = next((i for i, row in enumerate(self._rows) if row.key == key), None)
        if where is not None:
            self.cursor = where

    def validate_cursor(self, cursor: int) -> int:
        return self._within(cursor)

    def watch_cursor(self, before: int, now: int) -> None:
        self._repaint(before)
        self._repaint(now)
        self._scroll_to_cursor()
        self.post_message(self.Moved(self))

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(self.size.height - 2, 1)

    def action_edge(self, last: bool) -> None:
        self.cursor = len(self._rows) - 1 if last else 0

    def on_click(self, event: events.Click) -> None:
        index = event.y - 1 + self.scroll_offset.y
        if event.y == 0 or not 0 <= index < len(self._rows):
            return
        again = index == self.cursor and event.chain > 1
        self.cursor = index
        if again:
            self.post_message(self.Opened(self))

    def on_focus(self) -> None:
        self._repaint(self.cursor)

    def on_blur(self) -> None:
        self._repaint(self.cursor)

    def on_resize(self) -> None:
        self._measure()
        self._scroll_to_cursor()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0:
            return self._head(width)
        index = y - 1 + self.scroll_offset.y
        if not self._rows and y == 1:
            muted = self.get_component_rich_style("table--muted")
            return Strip([Segment(set_cell_size(self._empty, width), muted)], width)
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._line(index, width)

    def _measure(self) -> None:
        """The head, and below it the rows, or what is said where there are none."""
        self.virtual_size = Size(0, max(len(self._rows), 1) + 1)

    def _within(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def _repaint(self, index: int) -> None:
        """One row, if it is on the screen; the head keeps its place above them."""
        y = index + 1 - self.scroll_offset.y
        if 0 < y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _scroll_to_cursor(self) -> None:
        visible = max(self.size.height - 1, 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + visible:
            self.scroll_to(y=self.cursor - visible + 1, animate=False)

    def _head(self, width: int) -> Strip:
        style = self.get_component_rich_style("table--head")
        titles = tuple((column.title, Tone.MUTED) for column in self._columns)
        return self._strip(titles, width, dict.fromkeys(Tone, style), style)

    def _line(self, index: int, width: int) -> Strip:
        styles = {tone: self.get_component_rich_style(f"table--{tone}") for tone in Tone}
        base = self.rich_style
        if index == self.cursor:
            name = "table--cursor" if self.has_focus else "table--blurred"
            base = self.get_component_rich_style(name)
            styles = (
                dict.fromkeys(Tone, base)
                if self.has_focus
                else {tone: style + _background(base) for tone, style in styles.items()}
            )
        row = self._rows[index]
        return self._strip(row.cells, width, styles, base, marked=row.marked)

    def _strip(
        self,
        cells: tuple[Said, ...],
        width: int,
        styles: dict[Tone, Style],
        base: Style,
        *,
        marked: bool = False,
    ) -> Strip:
        segments = [Segment(MARK, styles[Tone.STRONG]) if marked else Segment(" ", base)]
        used = 1
        for column, size, (text, tone) in self._sized(cells, width):
            cut = _cut(one_line(text[:LONGEST_CELL]).translate(JOINERS), size)
            if column.right:
                cut = cut.rstrip()
                cut = " " * (size - cell_len(cut)) + cut
            segments += [Segment(cut, styles[tone]), Segment(" " * GAP, base)]
            used += size + GAP
        return Strip(segments, used).adjust_cell_length(width, base)

    def _sized(self, cells: tuple[Said, ...], width: int) -> list[tuple[Column, int, Said]]:
        shown = [
            (column, cell)
            for column, cell in zip(self._columns, cells, strict=True)
            if width >= column.from_width
        ]
        fixed = sum(column.width or 0 for column, _ in shown)
        rest = max(width - 1 - fixed - GAP * len(shown), 1)
        return [
            (column, rest if column.width is None else column.width, cell) for column, cell in shown
        ]


def _background(style: Style) -> Style:
    return Style(bgcolor=style.bgcolor, bold=True)


def _cut(line: str, size: int) -> str:
    """Exactly `size` cells, with an ellipsis where text was left out."""
    whole = set_cell_size(line, size)
    return whole if whole.rstrip() == line.rstrip() else set_cell_size(line, size - 1) + "…"
