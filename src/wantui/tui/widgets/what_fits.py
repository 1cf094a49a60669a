"""The matrix of what fits, a line a model; each repaints alone."""

from __future__ import annotations

from textual.containers import Vertical

from wantui.text import one_line
from wantui.tui.matrix import LEGEND, Matrix
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.quiet import Quiet

NAME_WIDTH = 14
CELL_WIDTH = 12
TIME_WIDTH = 9
WIDE = 110
"""From this width on there is room for the times."""


class WhatFits(Vertical):
    DEFAULT_CSS = """
    WhatFits { height: auto; padding: 0 1; }
    WhatFits > Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    WhatFits > .legend { height: auto; text-wrap: wrap; }
    """

    def __init__(self) -> None:
        super().__init__()
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
        lines = [_head(matrix), *_rows(matrix, times=self.size.width >= WIDE)]
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


def _rows(matrix: Matrix, *, times: bool) -> list[list[Said]]:
    width = CELL_WIDTH + (TIME_WIDTH if times else 0)
    names = [(f"{size:<{width}}", Tone.MUTED) for size in matrix.sizes]
    rows: list[list[Said]] = [[(" " * NAME_WIDTH, Tone.PLAIN), *names]]
    for (model, cells), spent in zip(matrix.rows, matrix.times, strict=True):
        row: list[Said] = [(f"{one_line(model, NAME_WIDTH - 1):<{NAME_WIDTH}}", Tone.PLAIN)]
        for (text, tone), time in zip(cells, spent, strict=True):
            row.append((f"{text:<{CELL_WIDTH}}", tone))
            if times:
                row.append((f"{time:<{TIME_WIDTH}}", Tone.MUTED))
        rows.append(row)
    return rows
