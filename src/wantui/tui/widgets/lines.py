"""The shown lines of a log: as many as there are, drawn as few as fit."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wantui.log_lines import Level
from wantui.tui.actions import moves
from wantui.tui.log_book import Line, LogBook
from wantui.tui.tone import Tone
from wantui.tui.widgets.table import JOINERS

STEP = 16
"""Columns that left and right go."""

_TONES = {
    None: Tone.PLAIN,
    Level.DEBUG: Tone.MUTED,
    Level.INFO: Tone.PLAIN,
    Level.WARNING: Tone.WARN,
    Level.ERROR: Tone.BAD,
    Level.CRITICAL: Tone.BAD,
}


class Lines(ScrollView, can_focus=True):
    """Follows the end until one moves away from it; then a line is chosen, and stays."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--cursor",
        *(f"lines--{tone}" for tone in _TONES.values()),
    }
    DEFAULT_CSS = """
    Lines {
        height: 1fr;
        scrollbar-size: 1 1;
        & > .lines--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground;
        }
        &:nocolor > .lines--cursor { text-style: reverse; }
        & > .lines--plain { color: $foreground; }
        & > .lines--muted { text-style: dim; }
        & > .lines--warn { color: $warning; }
        & > .lines--bad { color: $error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *moves(
            next="move(1)",
            before="move(-1)",
            page="page(1)",
            page_back="page(-1)",
            first="edge(False)",
            last="edge(True)",
        ),
        Binding("right,l", "aside(1)", "To the right", show=False),
        Binding("left,h", "aside(-1)", "To the left", show=False),
    ]

    class Moved(Message):
        """Another line is chosen, or the end is followed, or no longer."""

    class Opened(Message):
        """The chosen line was clicked twice."""

    class AtTop(Message):
        """Somebody wants to see what was before the first line."""

    def __init__(self, book: LogBook, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._book = book
        self._cursor = 0
        self._aside = 0
        """Columns that are out of sight to the left."""
        self.follows = True

    @property
    def chosen(self) -> Line | None:
        """The line under the cursor; None while the end is followed."""
        shown = self._book.shown
        return shown[self._cursor] if not self.follows and self._cursor < len(shown) else None

    # --- what the log does ---

    def renew(self) -> None:
        """Other lines altogether."""
        self._aside = 0
        self.follow()

    def added(self, gone: int) -> None:
        """Lines came at the end, and so many have gone at the start."""
        if self.follows:
            self.follow()
            return
        self._shift(-gone)

    def added_before(self, count: int) -> None:
        """So many lines came at the start; what is on the screen stays there."""
        if self.follows:
            self.follow()
        else:
            self._shift(count)

    def follow(self) -> None:
        """The end, and what comes after it."""
        self.follows = True
        self._cursor = max(len(self._book.shown) - 1, 0)
        self._resized()
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def _shift(self, by: int) -> None:
        last = max(len(self._book.shown) - 1, 0)
        self._cursor = min(max(self._cursor + by, 0), last)
        self._resized()
        if by:
            self.scroll_to(y=max(self.scroll_offset.y + by, 0), animate=False, force=True)
            self.refresh()
        elif len(self._book.shown) <= self.scroll_offset.y + self.size.height:
            self.refresh()
        self.post_message(self.Moved())

    def _resized(self) -> None:
        self.virtual_size = Size(0, len(self._book.shown))

    def on_resize(self) -> None:
        self._resized()
        if self.follows:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    # --- keys ---

    def action_move(self, lines: int) -> None:
        self._choose(self._cursor + lines)

    def action_page(self, pages: int) -> None:
        self._choose(self._cursor + pages * max(self.size.height - 1, 1))

    def action_edge(self, last: bool) -> None:
        if last:
            self.follow()
        else:
            self._choose(-1)

    def action_aside(self, steps: int) -> None:
        self._aside = max(self._aside + steps * STEP, 0)
        self.refresh()

    def stay(self) -> None:
        """Follow no longer; the last line is chosen."""
        self._choose(len(self._book.shown) - 1)

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if 0 <= index < len(self._book.shown):
            self._choose(index)
            if event.chain > 1:
                self.post_message(self.Opened())

    def _choose(self, index: int) -> None:
        """The nearest line that there is; whoever wants one before the first wants more."""
        if index < 0:
            self.post_message(self.AtTop())
        before, self.follows = self._cursor, False
        self._cursor = min(max(index, 0), max(len(self._book.shown) - 1, 0))
        self._repaint(before)
        self._repaint(self._cursor)
        self._scroll_to_cursor()
        self.post_message(self.Moved())

    def _scroll_to_cursor(self) -> None:
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    def on_focus(self) -> None:
        self._repaint(self._cursor)

    def on_blur(self) -> None:
        self._repaint(self._cursor)

    # --- painting ---

    def _repaint(self, index: int) -> None:
        y = index - self.scroll_offset.y
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        width, index = self.scrollable_content_region.width, y + self.scroll_offset.y
        if index >= len(self._book.shown):
            return Strip.blank(width, self.rich_style)
        line = self._book.shown[index]
        chosen = index == self._cursor and not self.follows
        name = "cursor" if chosen and self.has_focus else _TONES[line.level].value
        style = self.get_component_rich_style(f"lines--{name}")
        text = line.text.expandtabs(4).translate(JOINERS)
        strip = Strip([Segment(text, style)])
        return strip.crop_extend(self._aside, self._aside + width, style)
