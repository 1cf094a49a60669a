"""Lines with bars; each repaints alone."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import Vertical

from wantui.text import one_line
from wantui.tui.gauges import Gauge
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.bar import bar
from wantui.tui.widgets.quiet import Quiet

NAME_WIDTH = 8
TEXT_WIDTH = 26
WIDEST_BAR = 60


class Gauges(Vertical):
    DEFAULT_CSS = """
    Gauges { height: auto; padding: 0 1; }
    Gauges > Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Gauges > Quiet.-wraps { height: auto; text-wrap: wrap; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._gauges: Sequence[Gauge] = ()

    def show(self, gauges: Sequence[Gauge]) -> None:
        self._gauges = gauges
        lines = list(self.query_children(Quiet))
        for line in lines[len(gauges) :]:
            line.remove()
        missing = [Quiet() for _ in range(len(gauges) - len(lines))]
        self.mount(*missing)
        self._draw([*lines, *missing])

    def on_resize(self) -> None:
        self._draw(list(self.query_children(Quiet)))

    def _draw(self, lines: list[Quiet]) -> None:
        width = min(self.size.width - NAME_WIDTH - TEXT_WIDTH - 5, WIDEST_BAR)
        for line, gauge in zip(lines, self._gauges, strict=False):
            line.set_class(gauge.fraction is None, "-wraps")  # a reason or a path is read whole
            line.say(*_line(gauge, width))


def _line(gauge: Gauge, width: int) -> list[Said]:
    name = (f"{one_line(gauge.name, NAME_WIDTH):<{NAME_WIDTH}} ", Tone.MUTED)
    text = one_line(gauge.text, 300)
    if gauge.fraction is None:
        return [name, (text, gauge.tone)]
    drawn = bar(gauge.fraction, max(width, 4))
    percent = f" {gauge.fraction:4.0%}  "
    return [name, (drawn, gauge.tone), (percent, Tone.PLAIN), (text, Tone.PLAIN)]
