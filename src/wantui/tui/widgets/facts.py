"""Names and values in two columns, values wrapped beside their names."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import set_cell_size
from textual.content import Content

from wantui.text import clean, one_line
from wantui.tui.tone import STYLES, Fact, Tone
from wantui.tui.widgets.quiet import Quiet
from wantui.tui.widgets.scroll import Scroll

NAME_WIDTH = 12
LONGEST_VALUE = 20_000


class Facts(Scroll):
    """Scrolls when there is more than fits."""

    DEFAULT_CSS = """
    Facts { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    Facts > Quiet { height: auto; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Quiet()
        self._facts: tuple[Fact, ...] = ()

    def compose(self) -> Iterable[Quiet]:
        yield self._text

    def show(self, facts: Iterable[Fact]) -> None:
        self._facts = tuple(facts)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.content_region.width - 1  # the bar's column, whether there is one or not
        if width > NAME_WIDTH:
            self._text.show_content(facts_content(self._facts, width))


def facts_content(facts: Iterable[Fact], width: int) -> Content:
    """Lines of `width` cells at most."""
    lines = [line for name, (text, tone) in facts for line in _lines(name, text, tone, width)]
    return Content("\n").join(lines)


def _lines(name: str, text: str, tone: Tone, width: int) -> Iterable[Content]:
    label = Content.styled(f"{set_cell_size(one_line(name), NAME_WIDTH - 1)} ", STYLES[Tone.MUTED])
    indent = Content(" " * NAME_WIDTH)
    value = Content(clean(text[:LONGEST_VALUE])).expand_tabs(4)
    for number, line in enumerate(value.wrap(max(width - NAME_WIDTH, 2)) or [Content("")]):
        styled = line.stylize(STYLES[tone]) if STYLES[tone] else line
        yield (indent if number else label) + styled
