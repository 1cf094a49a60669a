"""A question that is answered by typing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from wantui.text import clean
from wantui.tui.tone import Tone
from wantui.tui.widgets.quiet import Quiet


class Ask(ModalScreen[str | None]):
    """What was typed, or None; enter takes it, esc leaves."""

    DEFAULT_CSS = """
    Ask { align: center middle; }
    Ask > Vertical {
        width: 90%; max-width: 100; height: auto; padding: 1 2; border: round $primary;
        background: $surface;
    }
    Ask Quiet { height: auto; }
    Ask Input { margin-top: 1; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]

    def __init__(self, question: str, suggested: str) -> None:
        super().__init__()
        self._question = question
        self._suggested = clean(suggested)

    def compose(self) -> ComposeResult:
        question = Quiet()
        question.say((f"{self._question} (enter saves, esc leaves)", Tone.PLAIN))
        with Vertical():
            yield question
            answer = Input(self._suggested, compact=True, select_on_focus=False)
            answer.cursor_blink = False
            yield answer

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)

    def action_leave(self) -> None:
        self.dismiss(None)
