"""Earlier prompts, found by a few letters of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from wantui.tui.fuzzy import best
from wantui.tui.tone import Tone
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.finder import Finder
from wantui.tui.widgets.table import Column, Row


class PromptFinder(Finder[str]):
    """The prompt that was chosen."""

    DEFAULT_CSS = """
    PromptFinder Facts { height: 7; border-top: solid $panel; }
    """
    COLUMNS = (Column("prompt"),)
    EMPTY = "no prompt fits; those that are sent are kept"

    def __init__(self, prompts: Sequence[str]) -> None:
        super().__init__("earlier prompts, the newest first")
        self._prompts = prompts

    def below(self) -> Iterable[Widget]:
        whole = Facts()
        whole.can_focus = False
        yield whole

    def rows(self, typed: str) -> Sequence[Row]:
        found = best(typed, range(len(self._prompts)), lambda number: self._prompts[number])
        return [Row(number, ((self._prompts[number], Tone.PLAIN),)) for number in found]

    def show_chosen(self) -> None:
        chosen = self._chosen
        facts = () if chosen is None else (("whole", (chosen, Tone.PLAIN)),)
        self.query_one(Facts).show(facts)

    def take(self, typed: str) -> None:  # noqa: ARG002 - what is chosen is taken
        if (chosen := self._chosen) is not None:
            self.dismiss(chosen)

    @property
    def _chosen(self) -> str | None:
        number = self.table.chosen
        return self._prompts[number] if isinstance(number, int) else None
