"""What changed on the screen, and nothing to its left.

Textual paints a changed part of a line from the left edge of its widget: of a picture in which a
little moves, that is most of it, and once more for every other part of the same line.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor
from textual.strip import Strip


class SpansUpdate(ChopsUpdate):
    """Paints whole segments, for a wide character has no half."""

    def render_segments(self, console: Console) -> str:
        painted: list[str] = []
        for y, first, last in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is not None and x < last and end > first:
                    start, segments = _from(strip, first - x)
                    painted.append(Control.move_to(x + start, y).segment.text)
                    painted.append(segments.crop(0, min(end, last) - x - start).render(console))
        return "".join(painted)


class SpanCompositor(Compositor):
    """Draws as Textual's does, with fewer bytes."""

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return update and SpansUpdate(update.chops, update.spans, update.chop_ends)


def _from(strip: Strip, column: int) -> tuple[int, Strip]:
    """From the segment on that this column is in, and the column that it starts at."""
    segments, at = list(strip), 0
    for index, segment in enumerate(segments):
        width = cell_len(segment.text)
        if at + width > column:
            return at, Strip(segments[index:], strip.cell_length - at)
        at += width
    return 0, strip
