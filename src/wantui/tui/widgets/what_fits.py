"""The matrix of what fits, a line a model; each repaints alone."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical

from wantui.text import one_line
from wantui.tui.matrix import LEGEND, Matrix
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.quiet import Quiet

GAP = 2
LONGEST_NAME = 24


class WhatFits(Vertical):
    DEFAULT_CSS = """
    WhatFits { height: auto; padding: 0 1; }
    WhatFits > Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    WhatFits > .legend { height: auto; text-wrap: wrap; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._matrix: Matrix | None = None

    def show(self, matrix: Matrix) -> None:
        if matrix != self._matrix:
            self._matrix = matrix
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if (matrix := self._matrix) is None:
            return
        lines = [_head(matrix), *_rows(matrix, self.size.width)]
        there = list(self.query_children(Quiet))
        for line in there[len(lines) + 1 :]:
            line.remove()
        missing = [Quiet() for _ in range(len(lines) + 1 - len(there))]
        self.mount(*missing)
        *shown, legend = (*there, *missing)[: len(lines) + 1]
        for line, said in zip(shown, lines, strict=True):
            line.remove_class("legend")
            line.say(*said)
        legend.add_class("legend")
        legend.say((LEGEND, Tone.MUTED))


def _head(matrix: Matrix) -> list[Said]:
    return [("what fits  ", Tone.STRONG), (matrix.title, Tone.MUTED)]


def _rows(matrix: Matrix, width: int) -> list[list[Said]]:
    """Names, sizes and cells in columns; with the times, where there is room for them."""
    names = [one_line(name, LONGEST_NAME) for name, _ in matrix.rows]
    columns = [
        [[(size, Tone.MUTED)], *([cells[at]] for _, cells in matrix.rows)]
        for at, size in enumerate(matrix.sizes)
    ]
    first = _aligned([[("", Tone.PLAIN)], *([(name, Tone.PLAIN)] for name in names)])
    short = [first, *map(_aligned, columns)]
    timed = [first, *(_aligned(_timed(column, at, matrix)) for at, column in enumerate(columns))]
    chosen = timed if _width(timed) <= width else short
    return [[said for cell in row for said in cell] for row in zip(*chosen, strict=True)]


def _timed(column: list[list[Said]], at: int, matrix: Matrix) -> list[list[Said]]:
    head, *cells = column
    times = ((f" {row[at]}" if row[at] else "", Tone.MUTED) for row in matrix.times)
    return [head, *([*cell, time] for cell, time in zip(cells, times, strict=True))]


def _aligned(column: list[list[Said]]) -> list[list[Said]]:
    """Every cell as wide as the widest, and a gap."""
    width = max(map(_length, column)) + GAP
    return [[*cell, (" " * (width - _length(cell)), Tone.PLAIN)] for cell in column]


def _length(cell: Iterable[Said]) -> int:
    return sum(len(text) for text, _ in cell)


def _width(columns: Iterable[list[list[Said]]]) -> int:
    return sum(_length(column[0]) for column in columns) - GAP
