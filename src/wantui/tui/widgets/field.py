"""A labelled line to type in, and below it what is wrong with what was typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from wantui.text import one_line
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.quiet import Quiet
from wantui.tui.widgets.words_area import WordsArea

LONGEST_PLACEHOLDER = 200
MANY = 10
"""Steps of a page key."""


class Field(Container):
    """`name` is the request's field; the default is shown as the placeholder."""

    DEFAULT_CSS = """
    Field { height: auto; width: 1fr; layout: vertical; }
    Field > Horizontal { height: 1; }
    Field .label { width: 10; height: 1; }
    Field Input { width: 1fr; background: $surface; }
    Field Input:focus { background: $panel; }
    Field WordsArea { width: 1fr; height: 100%; padding: 0; background: $surface; }
    Field WordsArea:focus { background: $panel; }
    Field .note { height: auto; display: none; padding-left: 10; }
    Field .note.-said { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "turn(1)", "More, or the choice before", show=False),
        Binding("down", "turn(-1)", "Less, or the next choice", show=False),
        Binding("pageup", f"turn({MANY})", "Much more", show=False),
        Binding("pagedown", f"turn(-{MANY})", "Much less", show=False),
    ]

    class Turned(Message):
        """A key asked for another value: what that is, others know."""

        def __init__(self, field: Field, steps: int) -> None:
            super().__init__()
            self.field = field
            self.steps = steps

        @property
        def control(self) -> Field:
            return self.field

    def __init__(self, name: str, label: str, control: Widget | None = None) -> None:
        super().__init__(id=f"field-{name}")
        self.field = name
        self._label = Quiet(classes="label")
        self._label.say((label, Tone.MUTED))
        self._control = control or Input(compact=True, select_on_focus=False)
        if isinstance(self._control, Input):
            self._control.cursor_blink = False
        self._note = Quiet(classes="note")
        self._noted: tuple[Said, ...] = ()

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
        match self._control:
            case Input():
                return self._control.value.strip()
            case WordsArea():
                return self._control.text.strip()
        return ""

    @value.setter
    def value(self, text: str) -> None:
        match self._control:
            case Input():
                self._control.value = one_line(text)
            case WordsArea():
                self._control.put(text)

    def suggest(self, default: str) -> None:
        """Show what is taken when nothing is typed."""
        if isinstance(self._control, Input | WordsArea):
            self._control.placeholder = one_line(default, LONGEST_PLACEHOLDER)

    def note(self, *said: Said) -> None:
        """Say something below the field; nothing clears it."""
        if said != self._noted:
            self._noted = said
            self._note.say(*said)
            self._note.set_class(bool(said), "-said")

    def action_turn(self, steps: int) -> None:
        self.post_message(self.Turned(self, steps))
