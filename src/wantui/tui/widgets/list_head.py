"""The line above a list: what is typed to narrow it, and how much of it that leaves."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from wantui.text import one_line
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.quiet import Quiet


class ListHead(Horizontal):
    """Takes no room while nothing is typed and nothing is to be said.

    Its Input's messages are for the screen: what they mean is the screen's to know.
    """

    DEFAULT_CSS = """
    ListHead { height: 1; padding: 0 1; display: none; }
    ListHead.-said, ListHead.-typed { display: block; }
    ListHead > #list-label { width: auto; height: 1; }
    ListHead > Input { width: 1fr; background: $surface; display: none; }
    ListHead.-typed > Input { display: block; }
    ListHead > #list-told { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ListHead.-typed > #list-told { width: auto; max-width: 60%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._label = Quiet(id="list-label")
        self._input = Input(compact=True, select_on_focus=False)
        self._input.cursor_blink = False
        self._told = Quiet(id="list-told")

    def compose(self) -> ComposeResult:
        yield self._label
        yield self._input
        yield self._told

    @property
    def typed(self) -> str:
        return self._input.value

    @property
    def has_keys(self) -> bool:
        """Whether what is pressed is typed here."""
        return self._input.has_focus

    def ask(self, label: str, typed: str = "", hint: str = "") -> None:
        """Have something typed, beginning with what was before."""
        self.add_class("-typed")
        self._label.say((f"{label} ", Tone.STRONG))
        self._input.placeholder = one_line(hint)
        self._input.value = one_line(typed)
        self._input.cursor_position = len(self._input.value)
        self._input.focus()

    def close(self) -> None:
        """Nothing is typed any more."""
        self.remove_class("-typed")
        self._label.say()
        with self._input.prevent(Input.Changed):
            self._input.value = ""

    def say(self, parts: Sequence[Said]) -> None:
        """How much of the list is shown, and why."""
        self.set_class(bool(parts), "-said")
        self._told.say(*parts)
