"""What is painted of a line that changed in places: it looks as if all of it had been painted."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from wantui.tui.spans import SpansUpdate

COLUMNS, CUT = 24, 9
STYLES = [Style(color="red"), Style(bgcolor="blue"), Style(bold=True), None]
CONSOLE = Console(color_system="truecolor", force_terminal=True, width=COLUMNS)

Spans = list[tuple[int, int, int]]


@st.composite
def strips(draw: st.DrawFn, width: int) -> Strip:
    """In segments of any length, wide characters among them."""
    made, left = [], width
    while left:
        wide = left > 1 and draw(st.booleans())
        length = draw(st.integers(1, left // (2 if wide else 1)))
        letter = draw(st.sampled_from("東京" if wide else "ab▀ "))
        made.append(Segment(letter * length, draw(st.sampled_from(STYLES))))
        left -= length * (2 if wide else 1)
    return Strip(made, width)


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[dict[int, Strip | None]], Spans]:
    """Two lines of two widgets, and parts of them that changed; a widget's edges among them."""
    chops: list[dict[int, Strip | None]] = [
        {0: draw(strips(CUT)), CUT: draw(strips(COLUMNS - CUT))} for _ in range(2)
    ]
    spans = []
    for y in range(2):
        ends = sorted(draw(st.sets(st.integers(0, COLUMNS), max_size=6)))
        spans += [(y, first, last) for first, last in zip(ends[::2], ends[1::2], strict=False)]
    return chops, spans or [(0, 0, COLUMNS)]


def painted(*updates: str) -> pyte.Screen:
    screen = pyte.Screen(COLUMNS, 2)
    stream = pyte.Stream(screen)
    for update in updates:
        stream.feed(update)
    return screen


def update(kind: type[ChopsUpdate], chops: list[dict[int, Strip | None]], spans: Spans) -> str:
    fresh = [{x: Strip(list(strip or ())) for x, strip in line.items()} for line in chops]
    return kind(fresh, spans, [[CUT, COLUMNS]] * 2).render_segments(CONSOLE)


@given(changes())
def test_on_a_screen_that_differs_in_the_spans_it_paints_what_there_is_now(
    change: tuple[list[dict[int, Strip | None]], Spans],
) -> None:
    chops, spans = change
    whole = update(ChopsUpdate, chops, [(0, 0, COLUMNS), (1, 0, COLUMNS)])
    now = painted(whole)
    cells = {(y, x) for y, first, last in spans for x in range(first, last)}
    wide = {(y, x) for y in range(2) for x in range(COLUMNS) if not now.buffer[y][x].data}
    if any(((y, x) in cells) != ((y, x - 1) in cells) for y, x in wide):
        return  # no widget says that half of a character has changed
    single = cells - wide - {(y, x - 1) for y, x in wide}
    spoilt = "".join(f"\x1b[{y + 1};{x + 1}H\x1b[0;7m#\x1b[0m" for y, x in sorted(single))
    after = painted(whole, spoilt, update(SpansUpdate, chops, spans))
    assert after.display == now.display
    assert after.buffer == now.buffer


@given(changes())
def test_it_never_paints_more_than_textual_does(
    change: tuple[list[dict[int, Strip | None]], Spans],
) -> None:
    chops, spans = change
    theirs = update(ChopsUpdate, chops, spans)
    assert len(update(SpansUpdate, chops, spans)) <= len(theirs) + 2 * len(spans)
