"""Tables and lines: they fit, they align, and nothing foreign in them reaches a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import made
from wantui.api.event import EventKind
from wantui.api.job import JobState, Progress, Stage
from wantui.cli.describe import job_facts, state_words
from wantui.cli.events import event_line
from wantui.cli.following import NarratedJob
from wantui.cli.table import Cell, Colour, Column, cut, display_width, table
from wantui.client import Event

HEADS = (Column("ID", right=True), Column("STATE"), Column("PROMPT", flexible=True))
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x9d\x07\r\n\t\b[]31m;\u202e\u2066界é"),
    ),
    max_size=60,
)


@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), max_size=5), st.integers(0, 120))
def test_no_control_of_a_cell_reaches_the_terminal_and_every_line_fits(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    lines = table(HEADS, rows, width=width, colours=False)
    assert len(lines) == len(rows) + 1
    for line in lines:
        assert not CONTROL.search(line)
        assert display_width(line) <= width


@given(HOSTILE, st.sampled_from(Colour))
def test_colours_are_the_only_escapes_in_a_table(text: str, colour: Colour) -> None:
    (_, line) = table((Column("A"),), [(Cell(text, colour),)], width=40, colours=True)
    plain = line.removeprefix(f"\x1b[{colour.value}m").replace("\x1b[0m", "", 1)
    assert not CONTROL.search(plain)


@given(HOSTILE, st.integers(0, 80))
def test_a_cut_text_fits_and_keeps_its_beginning(text: str, width: int) -> None:
    kept = cut(text, width)
    assert display_width(kept) <= width
    assert text.startswith(kept.removesuffix("…")) or kept == text


@given(HOSTILE, HOSTILE, st.integers(1, 150))
def test_nothing_foreign_in_a_job_reaches_a_terminal(name: str, prompt: str, width: int) -> None:
    hostile = made.job(model=name, prompt=prompt)
    facts = table(
        (Column("A"), Column("B", flexible=True)),
        list(job_facts(hostile)),
        width=width,
        colours=False,
    )
    shown = [
        *facts,
        NarratedJob(hostile).live(width, blocks=True),
        event_line(Event(None, EventKind.JOB, hostile)),
        state_words(hostile),
    ]
    assert not any(CONTROL.search(line) for line in shown)


@given(
    st.sampled_from(Stage),
    st.integers(0, 10_000),
    st.floats(0, 1),
    st.none() | st.floats(0, 1e6),
    st.integers(1, 200),
)
def test_the_progress_line_fits_any_terminal(
    stage: Stage, step: int, fraction: float, eta_s: float | None, width: int
) -> None:
    progress = Progress(stage=stage, step=step, of=step, fraction=fraction, eta_s=eta_s)
    line = NarratedJob(made.job(state=JobState.RUNNING, progress=progress)).live(width, blocks=True)
    assert display_width(line) <= width


def test_the_progress_line_of_an_80_column_terminal_has_all_of_it() -> None:
    line = NarratedJob(made.running(12)).live(79, blocks=True)
    assert line.startswith("job 12  denoise 7/20  █")
    assert line.endswith("░   35%  eta 12.4 s")


def test_a_narrow_terminal_loses_the_bar_first() -> None:
    assert (
        NarratedJob(made.running(12)).live(45, blocks=True)
        == "job 12  denoise 7/20   35%  eta 12.4 s"
    )


def test_a_terminal_without_block_characters_gets_ascii() -> None:
    assert NarratedJob(made.running(12)).live(79, blocks=False).isascii()


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("界", 2), ("e\u0301", 1), ("a\u200bb", 2), ("", 0), ("🎬", 2)]
)
def test_width_is_counted_in_cells(text: str, width: int) -> None:
    assert display_width(text) == width


def test_columns_align_under_wide_characters() -> None:
    lines = table(HEADS, [("1", "界", "x"), ("22", "ab", "y")], width=None, colours=False)
    assert [line[:2] for line in lines] == ["ID", " 1", "22"]
    assert len({display_width(line.rpartition("  ")[0]) for line in lines[1:]}) == 1


def test_a_narrow_terminal_cuts_the_flexible_column_before_the_others() -> None:
    rows = [("1", "completed", "a very long prompt about a red circle")]
    assert table(HEADS, rows, width=30, colours=False)[1] == " 1  completed  a very long pr…"
