"""The lines of a log under its filters, in whatever order pieces come and filters change."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wantui.log_lines import Level, LineFormatter
from wantui.tui import log_book
from wantui.tui.log_book import Line, LogBook, read_lines

lines = st.lists(
    st.builds(
        Line,
        text=st.text("aAbß \t", max_size=6),
        level=st.sampled_from([None, *Level]),
        job=st.none() | st.integers(1, 9),
    ),
    max_size=8,
)


def record(message: str, level: int = logging.INFO, **about: object) -> str:
    made = logging.LogRecord("wantui.daemon.lane", level, "", 0, message, None, None)
    made.__dict__.update(about)
    return LineFormatter().format(made)


class Reading(RuleBasedStateMachine):
    """A model that keeps every line and filters all of them each time."""

    def __init__(self) -> None:
        super().__init__()
        self.book = LogBook()
        self.all: list[Line] = []
        self.typed = ""

    @rule(new=lines)
    def come(self, new: list[Line]) -> None:
        assert self.book.add(new) == 0
        self.all += new

    @rule(new=lines)
    def come_before(self, new: list[Line]) -> None:
        before = len(self.book.shown)
        assert self.book.add_before(new) == len(self.book.shown) - before
        self.all = new + self.all

    @rule(typed=st.text("aAbß \t", max_size=4))
    def type(self, typed: str) -> None:
        self.typed = typed
        self.book.narrow(typed)

    @rule(more=st.text("aAbß ", min_size=1, max_size=2))
    def type_on(self, more: str) -> None:
        self.type(self.typed + more)

    @rule(level=st.sampled_from(Level))
    def choose(self, level: Level) -> None:
        self.book.of_level(level)

    @invariant()
    def shows_what_passes(self) -> None:
        order = list(Level)
        least = order.index(self.book.least)
        wanted = self.typed.casefold()
        assert list(self.book.lines) == self.all
        assert list(self.book.shown) == [
            line
            for line in self.all
            if (line.level is None or order.index(line.level) >= least)
            and wanted in line.text.casefold()
        ]


TestReading = Reading.TestCase


@given(st.lists(st.integers(1, 400), max_size=12), st.booleans())
def test_the_oldest_lines_go_and_how_many_of_those_shown_is_told(
    sizes: list[int], filtered: bool
) -> None:
    kept, log_book.KEPT_LINES = log_book.KEPT_LINES, 500
    try:
        book, shown = LogBook(), 0
        if filtered:
            book.of_level(Level.WARNING)
        for number, size in enumerate(sizes):
            level = Level.INFO if number % 2 else Level.ERROR
            new = [Line(f"{number}.{index}", level, None) for index in range(size)]
            shown += 0 if filtered and level is Level.INFO else size
            shown -= book.add(new)
            assert len(book.lines) <= 500
            assert shown == len(book.shown)
            assert set(book.shown) <= set(book.lines)
    finally:
        log_book.KEPT_LINES = kept


def test_a_line_knows_its_level_and_the_job_it_is_about() -> None:
    text = "\n".join(
        (
            record("started", job=7),
            record("it broke", logging.ERROR, job=12),
            "printed by a library",
            record("nobody's", logging.WARNING),
            record("odd", job="x7"),
        )
    )
    assert [(line.level, line.job) for line in read_lines(text)] == [
        (Level.INFO, 7),
        (Level.ERROR, 12),
        (None, None),
        (Level.WARNING, None),
        (Level.INFO, None),
    ]
    assert [line.job for line in read_lines(text, job=3)] == [7, 12, 3, 3, 3]


def test_a_traceback_is_shown_with_the_level_of_its_record() -> None:
    made = (
        record("it broke", logging.ERROR, job=12) + ' exception="Traceback:\\n  File x\\nKeyError"'
    )
    shown = read_lines(made)
    assert [line.text.strip() for line in shown[1:]] == ["Traceback:", "File x", "KeyError"]
    assert {(line.level, line.job) for line in shown} == {(Level.ERROR, 12)}
