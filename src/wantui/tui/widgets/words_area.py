"""Text of several lines, for prompts."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import TextArea

from wantui.text import clean


class WordsArea(TextArea):
    """Tab leaves it. One that `recalls` says when somebody goes on above its first line, or below
    its last, for what was typed before.
    """

    class Walked(Message):
        """`older` is 1 for the way up, -1 for the way down."""

        def __init__(self, area: WordsArea, older: int) -> None:
            super().__init__()
            self.area = area
            self.older = older

        @property
        def control(self) -> WordsArea:
            return self.area

    def __init__(
        self, *, placeholder: str = "", recalls: bool = False, id: str | None = None
    ) -> None:
        super().__init__(id=id, compact=True, tab_behavior="focus", placeholder=placeholder)
        self.cursor_blink = False
        self._recalls = recalls

    def put(self, text: str) -> None:
        """Replace all of it, with the cursor at its end; undo brings back what was there."""
        if (text := clean(text)) != self.text:
            self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    def action_cursor_up(self, select: bool = False) -> None:
        first = self.navigator.is_first_wrapped_line(self.cursor_location)
        if self._recalls and first and not select:
            self.post_message(self.Walked(self, 1))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        last = self.navigator.is_last_wrapped_line(self.cursor_location)
        if self._recalls and last and not select:
            self.post_message(self.Walked(self, -1))
        else:
            super().action_cursor_down(select)
