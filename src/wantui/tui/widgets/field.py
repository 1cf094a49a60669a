"""A labelled line to type in, and below it what is wrong with what was typed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.widget import Widget
from textual.widgets import Input

from wantui.text import one_line
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.quiet import Quiet

LONGEST_PLACEHOLDER = 200


class Field(Container):
    """`name` is the request's field; the default is shown as the placeholder."""

    DEFAULT_CSS = """
    Field { height: auto; width: 1fr; layout: vertical; }
    Field > Horizontal { height: 1; }
    Field .label { width: 10; height: 1; }
    Field Input { width: 1fr; background: $surface; }
    Field Input:focus { background: $panel; }
    Field .note { height: auto; display: none; padding-left: 10; }
    Field .note.-said { display: block; }
    """

    def __init__(self, name: str, label: str, control: Widget | None = None) -> None:
        super().__init__(id=f"field-{name}")
        self.field = name
        self._label = Quiet(classes="label")
        self._label.say((label, Tone.MUTED))
        self._control = control or Input(compact=True)
        if isinstance(self._control, Input):
            self._control.cursor_blink = False
        self._note = Quiet(classes="note")

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._label
            yield self._control
        yield self._note

    @property
    def control(self) -> Widget:
        return self._control

    @property
    def value(self) -> str:
        """What was typed, without spaces around it; empty means the default."""
        return self._control.value.strip() if isinstance(self._control, Input) else ""

    @value.setter
    def value(self, text: str) -> None:
        if isinstance(self._control, Input):
            self._control.value = one_line(text)

    def suggest(self, default: str) -> None:
        """Show what is taken when nothing is typed."""
        if isinstance(self._control, Input):
            self._control.placeholder = one_line(default, LONGEST_PLACEHOLDER)

    def note(self, *said: Said) -> None:
        """Say something below the field; nothing clears it."""
        self._note.say(*said)
        self._note.set_class(bool(said), "-said")
