"""Prompts, paths and log lines are only ever text: no markup, no escapes, no crash."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.content import Content

from tests import made
from wantui.api.job import JobState
from wantui.client.machine import Gauge
from wantui.tui.headline import headline
from wantui.tui.log_book import LONGEST_LINE, read_lines
from wantui.tui.offers import offer_of
from wantui.tui.screens.gallery import clip_row
from wantui.tui.screens.models import model_row
from wantui.tui.state import Snapshot, State, reduce
from wantui.tui.tone import Said, Tone, content
from wantui.tui.widgets.bar import bar
from wantui.tui.widgets.confirm import Confirm
from wantui.tui.widgets.facts import Facts, facts_content
from wantui.tui.widgets.field import Field
from wantui.tui.widgets.gauges import Gauges
from wantui.tui.widgets.job_list import job_row
from wantui.tui.widgets.panel import Panel
from wantui.tui.widgets.quiet import Quiet
from wantui.tui.widgets.running import Running
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.words import clip_facts, job_facts, model_facts

pytestmark = pytest.mark.anyio

NASTY = [
    "[red]x[/",
    "[@click=app.quit]press[/]",
    "[/]",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07\x9b2J",
    "\x1b]52;c;aGk=\x07",
    "👩‍👩‍👧‍👦🇩🇪 e\u0301\u0302 \ufe0f\u200d",
    "\u202eright to left\u202c שלום مرحبا",
    "東京の夜" * 50,
    "a\tb\nc\r\nd\x00e\x7f",
    "\ud800",
    "x" * 10_000,
    " ".join(["word"] * 2_000),
    "$primary {x} %s \\[b]",
]
foreign = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=200),
    st.lists(st.sampled_from(NASTY), max_size=4).map("".join),
)
CONTROLS = [chr(code) for code in (*range(9), *range(11, 32), 127, *range(0x80, 0xA0))]


def harmless(plain: str) -> bool:
    return not any(control in plain for control in CONTROLS) and "\u202e" not in plain


@given(foreign)
def test_content_is_the_cleaned_text_in_one_style(text: str) -> None:
    made_content = content([(text, Tone.BAD)])
    assert harmless(made_content.plain)
    assert {span.style for span in made_content.spans} <= {"$error"}
    assert "[red]x[/" not in text or "[red]x[/" in made_content.plain


@given(foreign, st.integers(14, 120))
def test_facts_stay_within_their_width(text: str, width: int) -> None:
    drawn = facts_content([(text, (text, Tone.GOOD))], width)
    assert harmless(drawn.plain)
    assert all(cell_len(line) <= width for line in drawn.plain.split("\n"))


@given(foreign, st.integers(1, 160))
@settings(deadline=None)
def test_a_row_is_exactly_as_wide_as_its_table(text: str, width: int) -> None:
    columns = (Column("a", 5, right=True), Column("b", 12), Column("c"))
    table = Table(*columns, empty="")
    cells: tuple[Said, ...] = ((text, Tone.PLAIN), (text, Tone.BAD), (text, Tone.MUTED))
    styles = dict.fromkeys(Tone, table.rich_style)
    strip = table._strip(cells, width, styles, table.rich_style)
    assert strip.cell_length == width
    assert sum(cell_len(segment.text) for segment in strip) == width
    assert harmless(strip.text)
    assert "\n" not in strip.text


@given(foreign)
def test_log_lines_are_clean_and_finite(text: str) -> None:
    lines = [line.text for line in read_lines(text)]
    assert all(harmless(line) and len(line) <= LONGEST_LINE for line in lines)


@given(st.floats(allow_nan=False), st.integers(0, 200))
def test_a_bar_fills_its_width(fraction: float, width: int) -> None:
    assert len(bar(fraction, width)) == width


class Shelf(App[None]):
    """One of every widget that shows foreign text."""

    def compose(self) -> ComposeResult:
        yield Quiet(id="quiet")
        yield Field("image", "image")
        yield Running()
        yield Gauges()
        yield Table(Column("id", 5), Column("state", 11), *COLUMNS, empty="none")
        yield Facts()


COLUMNS = (Column("model", 10), Column("what", 20), Column("label", 9), Column("prompt"))


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
async def test_every_widget_shows_it_without_harm(text: str) -> None:
    app = Shelf()
    running = made.running(1, prompt=text, model=text)
    jobs = [running, made.failed(2, message=text), made.completed(3, prompt=text)]
    async with app.run_test(size=(80, 40)) as pilot:
        app.query_one("#quiet", Quiet).say((text, Tone.STRONG))
        field = app.query_one(Field)
        field.value = text
        field.suggest(text)
        field.note((text, Tone.BAD))
        app.query_one(Running).show([running])
        app.query_one(Gauges).show([Gauge(text, text, 0.5), Gauge(text, text)])
        app.query_one(Table).show([job_row(job) for job in jobs])
        app.query_one(Facts).show([fact for job in jobs for fact in job_facts(job)])
        await pilot.pause()
        shown = [strip.text for strip in app.screen._compositor.render_strips()]
        assert all(harmless(line) for line in shown)
        await app.push_screen(Confirm(text, yes=text, no=text))
        await pilot.pause()
        await app.push_screen(Panel(text, lambda: [(text, (text, Tone.PLAIN))]))
        await pilot.pause()
        shown = [strip.text for strip in app.screen._compositor.render_strips()]
        assert all(harmless(line) for line in shown)


@given(foreign)
@settings(deadline=None)
def test_words_are_made_of_anything(text: str) -> None:
    job = made.completed(1, prompt=text, model=text)
    model = made.model(name=text, summary=text, license=text, repository=text)
    for row in (job_row(job), clip_row(job), model_row(model)):
        assert isinstance(row, Row)
    for facts in (job_facts(job), clip_facts(job), model_facts(model)):
        assert harmless(facts_content(facts, 78).plain)
    assert offer_of(model).id == "demo"
    state = reduce(State(), Snapshot(made.status(made.job(1, JobState.HELD))))
    assert isinstance(content(headline(state, 0.0)), Content)
