"""A question whose harmless answer has the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

from wantui.text import clean
from wantui.tui.tone import Tone
from wantui.tui.widgets.quiet import Quiet


class Confirm(ModalScreen[bool]):
    """True only when the harmful answer was chosen."""

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 60; max-width: 96%; height: auto; padding: 1 2; border: round $warning;
        background: $surface;
    }
    Confirm Quiet { height: auto; }
    Confirm Horizontal { height: 1; margin-top: 1; }
    Confirm Button { margin-right: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "Keep"),
        Binding("y", "answer(True)", "Yes"),
        Binding("left,h", "app.focus_previous", show=False),
        Binding("right,l", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._answers = (no, yes)

    def compose(self) -> ComposeResult:
        question = Quiet()
        question.say((self._question, Tone.PLAIN))
        no, yes = (Content(clean(answer)) for answer in self._answers)
        with Vertical():
            yield question
            with Horizontal():
                yield Button(no, id="no", compact=True, variant="primary")
                yield Button(yes, id="yes", compact=True, variant="error")

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


def confirm(app: App[Any], question: str, *, yes: str, no: str, then: Callable[[], None]) -> None:
    """Ask, and go on once the harmful answer was chosen."""
    app.push_screen(Confirm(question, yes=yes, no=no), lambda sure: then() if sure else None)
