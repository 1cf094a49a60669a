"""A list to choose from: what is typed narrows it, and arrows move in it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from wantui.tui.tone import Tone
from wantui.tui.widgets.quiet import Quiet
from wantui.tui.widgets.table import Column, Row, Table

R = TypeVar("R")


class Finder(ModalScreen[R | None]):
    """Subclasses say what fits (`rows`), what is beside the list, and what enter takes."""

    DEFAULT_CSS = """
    Finder { align: center middle; }
    Finder > Vertical {
        width: 92%; max-width: 130; height: 90%; max-height: 36; padding: 0 1;
        border: round $primary; background: $surface;
    }
    Finder Quiet { height: auto; }
    Finder #finder-head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Finder Input { background: $panel; margin-bottom: 1; }
    Finder .list { height: 1fr; }
    Finder Table > .table--blurred {
        background: $block-cursor-background; color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    Finder .keys { margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Row before", show=False),
        Binding("down", "move(1)", "Next row", show=False),
        Binding("pageup", "page(-1)", "Page before", show=False),
        Binding("pagedown", "page(1)", "Next page", show=False),
        Binding("escape", "leave", "Leave"),
    ]
    COLUMNS: ClassVar[tuple[Column, ...]]
    EMPTY: ClassVar[str] = "nothing fits"
    KEYS: ClassVar[str] = "type to find, ↑↓ move, enter takes it, esc leaves"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title_text = title

    def compose(self) -> ComposeResult:
        head, keys = Quiet(id="finder-head"), Quiet(classes="keys")
        head.say((self._title_text, Tone.STRONG))
        keys.say((self.KEYS, Tone.MUTED))
        query = Input(compact=True, placeholder="find")
        query.cursor_blink = False
        table = Table(*self.COLUMNS, empty=self.EMPTY)
        table.can_focus = False
        with Vertical():
            yield head
            yield query
            with Horizontal(classes="list"):
                yield table
                yield from self.beside()
            yield from self.below()
            yield keys

    def beside(self) -> Iterable[Widget]:
        """At the right of the list."""
        return ()

    def below(self) -> Iterable[Widget]:
        return ()

    def rows(self, typed: str) -> Sequence[Row]:
        """What fits, the best first."""
        raise NotImplementedError

    def show_chosen(self) -> None:
        """Another row is chosen."""

    def take(self, typed: str) -> None:
        """Enter was pressed."""
        raise NotImplementedError

    def say(self, text: str, tone: Tone = Tone.BAD) -> None:
        """In the head."""
        self.query_one("#finder-head", Quiet).say((text, tone))

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    @property
    def typed(self) -> str:
        return self.query_one(Input).value

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.draw()

    def draw(self) -> None:
        self.table.show(self.rows(self.typed))
        self.show_chosen()

    @on(Input.Changed)
    def _narrowed(self, event: Input.Changed) -> None:
        self.narrow(event.value)

    def narrow(self, typed: str) -> None:  # noqa: ARG002 - for subclasses
        """Something else is typed."""
        self.draw()
        self.table.cursor = 0

    @on(Table.Moved)
    def _moved(self) -> None:
        self.show_chosen()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.take(event.value)

    @on(Table.Opened)
    def _opened(self) -> None:
        self.take(self.typed)

    def action_move(self, rows: int) -> None:
        self.table.action_move(rows)

    def action_page(self, pages: int) -> None:
        self.table.action_page(pages)

    def action_leave(self) -> None:
        self.dismiss(None)
