"""Lines with bars and what they were; each repaints alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from textual.containers import Vertical
from textual.content import Content

from wantui.client.machine import Gauge
from wantui.text import one_line
from wantui.tui.history import Histories, History, graph, spark
from wantui.tui.tone import STYLES, Said, Tone, content
from wantui.tui.widgets.bar import bar
from wantui.tui.widgets.quiet import Quiet

NAME_WIDTH = 8
INDENT = " " * (NAME_WIDTH + 1)
TEXT_WIDTH = 42
"""What is said beside a bar, at the most."""
NARROWEST_BAR, WIDEST_BAR = 8, 20
NARROWEST_SPARK = 6
SPARK_STEP, GRAPH_STEP = 5, 3
"""Readings, which are seconds, in a column."""
HIGHEST_GRAPH, LOWEST_GRAPH = 6, 2
LONGEST = 300


class Gauges(Vertical):
    """`show` says what to draw; where there are rows to spare histories are drawn high."""

    DEFAULT_CSS = """
    Gauges { height: auto; padding: 0 1; }
    Gauges > Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._gauges: Sequence[Gauge] = ()
        self._histories: Histories = {}
        self._rows = 0

    def show(
        self, gauges: Sequence[Gauge], histories: Histories | None = None, rows: int = 0
    ) -> None:
        """`rows` is what the terminal has for all of them: 0 draws no graphs."""
        self._gauges, self._histories, self._rows = gauges, histories or {}, rows
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width
        if width <= NAME_WIDTH:  # not laid out yet
            return
        wanted = list(self._lines(width))
        lines = list(self.query_children(Quiet))
        for line in lines[len(wanted) :]:
            line.remove()
        missing = [Quiet() for _ in range(len(wanted) - len(lines))]
        self.mount(*missing)
        for line, shown in zip([*lines, *missing], wanted, strict=False):
            line.styles.height = shown.plain.count("\n") + 1
            line.show_content(shown)

    def _lines(self, width: int) -> Iterator[Content]:
        """What each shows; a reason or a path is read whole, on several rows."""
        said = [words(gauge, width) for gauge in self._gauges if gauge.fraction is None]
        more = sum(text.plain.count("\n") for text in said)
        height = graph_height(self._gauges, self._histories, self._rows - more)
        columns = widths(self._gauges, width, histories=bool(self._histories))
        for gauge in self._gauges:
            history = self._histories.get(gauge.key)
            high = height > 0 and history is not None and is_high(gauge)
            if gauge.fraction is None:
                yield words(gauge, width)
                continue
            yield content(line(gauge, gauge.fraction, columns, None if high else history))
            if high and history is not None:
                yield from _graph(gauge, history, width, height)


def is_high(gauge: Gauge) -> bool:
    """Whether its history is drawn high where there is room: what a job fills and what it uses."""
    return gauge.key.rpartition("/")[2] in ("busy", "memory", "ram")


def graph_height(gauges: Sequence[Gauge], histories: Mapping[str, object], rows: int) -> int:
    """Rows of each graph, so that all fit into `rows` with their gauges; 0 where they are few."""
    graphs = sum(gauge.key in histories and is_high(gauge) for gauge in gauges)
    spare = (rows - len(gauges)) // graphs if graphs else 0
    return min(spare, HIGHEST_GRAPH) if spare >= LOWEST_GRAPH else 0


def widths(gauges: Sequence[Gauge], width: int, *, histories: bool) -> tuple[int, int, int]:
    """Cells of bars, of what is said beside them, and of histories, for all alike."""
    said = (cell_len(one_line(gauge.text)) for gauge in gauges if gauge.fraction is not None)
    text = min(max(said, default=0), TEXT_WIDTH)
    room = width - NAME_WIDTH - 1 - 7 - text
    shown = histories and room >= NARROWEST_BAR + 2 + NARROWEST_SPARK
    bar_width = min(max(room // 2 if shown else room, NARROWEST_BAR), WIDEST_BAR)
    return bar_width, text, room - bar_width - 2 if shown else 0


def words(gauge: Gauge, width: int) -> Content:
    """A name, and beside it words on as many lines as they take."""
    style = STYLES[Tone(gauge.mark.value)]
    text = Content(one_line(gauge.text, LONGEST))
    lines = text.wrap(max(width - NAME_WIDTH - 1, 2)) or [Content("")]
    styled = [piece.stylize(style) if style else piece for piece in lines]
    return content([_name(gauge)]) + Content(f"\n{INDENT}").join(styled)


def line(
    gauge: Gauge, fraction: float, columns: tuple[int, int, int], history: History | None
) -> list[Said]:
    """A name, a bar with its share, words, and how it went."""
    bar_width, text_width, spark_width = columns
    text, tone = one_line(gauge.text, LONGEST), Tone(gauge.mark.value)
    said = [
        _name(gauge),
        (bar(fraction, bar_width), tone),
        (f" {min(fraction, 1):4.0%}  ", Tone.PLAIN),
        (text, Tone.PLAIN),
    ]
    if history is not None and spark_width and cell_len(text) <= text_width:
        said.append((" " * (text_width - cell_len(text) + 2), Tone.PLAIN))
        said.append((spark(history, spark_width, SPARK_STEP), tone))
    return said


def _name(gauge: Gauge) -> Said:
    return f"{one_line(gauge.name, NAME_WIDTH):<{NAME_WIDTH}} ", Tone.MUTED


def _graph(gauge: Gauge, history: History, width: int, height: int) -> Iterator[Content]:
    for row in graph(history, max(width - len(INDENT), 1), height, GRAPH_STEP):
        yield content([(INDENT, Tone.PLAIN), (row, Tone(gauge.mark.value))])
