"""A log's lines: what goes in comes out, whatever a message holds."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.daemon.logs import rotated
from wantui.log_lines import Level, LineFormatter, Record, is_worth, readable
from wantui.settings import LogSettings


def line(message: str, level: int = logging.WARNING, **about: object) -> str:
    record = logging.LogRecord("wantui.daemon.lane", level, "", 0, message, None, None)
    record.__dict__.update(about)
    return LineFormatter().format(record)


@given(st.text())
def test_every_message_is_one_line_and_is_read_as_it_was(message: str) -> None:
    made = line(message, job=7)
    assert len(made.split("\n")) == 1
    record = Record.parse(made)
    assert record is not None
    assert (record.level, record.values["message"]) == (Level.WARNING, message)
    assert (record.values["from"], record.values["job"]) == ("daemon.lane", "7")


@given(st.text())
def test_what_is_no_record_is_shown_as_it_is(text: str) -> None:
    if Record.parse(text) is None:
        assert readable(text) == text
        assert is_worth(text, Level.CRITICAL)


@pytest.mark.parametrize(
    "text", ["time=", "time=x level=info", "time=2026-11-27T18:14:01Z level=loud", 'time="\\ud8"']
)
def test_half_a_record_is_none(text: str) -> None:
    assert Record.parse(text) is None


def test_a_traceback_is_part_of_its_line_and_people_see_it_unfolded() -> None:
    try:
        raise LookupError("no\nsuch")
    except LookupError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "it failed", None, sys.exc_info())
    made = LineFormatter().format(record)
    assert "\n" not in made
    first, *rest = readable(made).splitlines()
    assert first.endswith("ERROR   x: it failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-2:] == ["    LookupError: no", "    such"]


def test_a_filter_goes_by_the_level() -> None:
    levels = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL]
    for number, least in enumerate(Level):
        worth = [is_worth(line("x", level), least) for level in levels]
        assert worth == [at >= number for at in range(len(levels))]


def test_a_log_that_is_full_makes_way_and_as_many_old_ones_are_kept_as_settings_say(
    tmp_path: Path,
) -> None:
    log, settings = tmp_path / "worker.log", LogSettings(file_bytes=3, backups=2)
    for content in ("one 1", "two 2", "three", "four"):
        log.write_text(content)
        assert rotated(log, settings) == log
        assert not log.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker.log.1", "worker.log.2"]
    assert (tmp_path / "worker.log.1").read_text() == "four"
    log.write_text("no")
    rotated(log, settings)
    assert log.read_text() == "no"
    log.write_text("none is kept")
    rotated(log, LogSettings(file_bytes=3, backups=0))
    assert not log.exists()
