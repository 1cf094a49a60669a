"""A dialog of facts: help, or the details of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from wantui.text import one_line
from wantui.tui.tone import Fact
from wantui.tui.widgets.facts import Facts


class Panel(ModalScreen[None]):
    """Scrolls; any of esc, enter, q and ? closes it. `refresh_facts` draws it again."""

    DEFAULT_CSS = """
    Panel { align: center middle; }
    Panel > Vertical {
        width: 96%; max-width: 120; height: 90%; border: round $primary; background: $surface;
        border-subtitle-color: $text-muted;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,question_mark", "close", "Close")
    ]

    def __init__(self, title: str, facts: Callable[[], Iterable[Fact]]) -> None:
        super().__init__()
        self._panel_title = title
        self._read = facts
        self._facts = Facts()

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = one_line(self._panel_title).replace("[", "(").replace("]", ")")
            frame.border_subtitle = "esc closes"
            yield from self.content()

    def content(self) -> ComposeResult:
        """What is in the frame."""
        yield self._facts

    def on_mount(self) -> None:
        self._facts.focus()
        self.refresh_facts()

    def refresh_facts(self) -> None:
        self._facts.show(self._read())

    def action_close(self) -> None:
        self.dismiss()
