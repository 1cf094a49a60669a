"""The words of a request: the prompt with how long it is, and below it the negative one."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from wantui.tui.tone import Tone
from wantui.tui.widgets.field import Field
from wantui.tui.widgets.quiet import Quiet
from wantui.tui.widgets.words_area import WordsArea

PROMPT_HINT = "What should be seen? ↑ is an earlier prompt"


class PromptBox(Vertical):
    """The prompt can be typed at once; the rest is mounted after the first frame."""

    DEFAULT_CSS = """
    PromptBox #prompt-head { height: 1; }
    PromptBox #prompt-label { width: 8; height: 1; }
    PromptBox #changed { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    PromptBox #prompt-count { width: auto; height: 1; }
    PromptBox #prompt { height: 1fr; min-height: 3; background: $surface; }
    PromptBox #prompt:focus { background: $panel; }
    PromptBox #prompt-note { height: auto; display: none; }
    PromptBox #prompt-note.-said { display: block; }
    PromptBox #negative { height: auto; min-height: 1; }
    PromptBox #field-negative_prompt:focus-within > Horizontal { height: 4; }
    """

    def __init__(self) -> None:
        super().__init__(id="words")
        self.area = WordsArea(placeholder=PROMPT_HINT, recalls=True, id="prompt")
        self._note = Quiet(id="prompt-note", classes="note")
        self._count = Quiet(id="prompt-count")
        self._changed = Quiet(id="changed")

    def compose(self) -> ComposeResult:
        label = Quiet(id="prompt-label")
        label.say(("prompt", Tone.MUTED))
        with Horizontal(id="prompt-head"):
            yield label
            yield self._changed
            yield self._count
        yield self.area
        yield self._note
        yield Container(id="negative")

    async def fill_up(self) -> None:
        """Mount the negative prompt's field."""
        negative = Field("negative_prompt", "negative", WordsArea())
        await self.query_one("#negative").mount(negative)

    @property
    def text(self) -> str:
        """Of the prompt, as typed."""
        return self.area.text

    def note(self, text: str) -> None:
        """What is wrong with the prompt, or nothing."""
        self._note.say((text, Tone.BAD))
        self._note.set_class(bool(text), "-said")

    def show_count(self, most: int) -> None:
        """How long the prompt is; 0 where nobody knows how long it may be."""
        count = len(self.text)
        words = f"{count} of {most} characters" if most else ""
        self._count.say((words, Tone.BAD if count > most else Tone.MUTED))

    def show_changed(self, names: Sequence[str], key: str) -> None:
        """Which fields say something else than the model would, and the key that resets them."""
        told = f"{len(names)} changed ({key} resets): {', '.join(names)}" if names else ""
        self._changed.say((told, Tone.BUSY))
