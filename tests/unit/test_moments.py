"""Times as people type them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.client.moments import age_s, moment, past_moment
from wantui.errors import InvalidRequest

NOW = datetime(2026, 11, 27, 18, 0, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where it is 19:00 then, and clocks were set back in October."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("3d", 259_200), ("1h30m", 5400), ("0s", 0), ("1.5h", 5400), (" 2W ", 1209600)],
)
def test_ages(text: str, seconds: float) -> None:
    assert age_s("older", text) == seconds
    assert moment("start-at", f"+{text.strip()}", NOW) == NOW + seconds
    assert past_moment("since", text, NOW) == NOW - seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("19:01", "2026-11-27T19:01:00+01:00"),
        ("19:00", "2026-11-28T19:00:00+01:00"),
        ("2:00", "2026-11-28T02:00:00+01:00"),
        ("23:59:59", "2026-11-27T23:59:59+01:00"),
        ("2026-12-24 18:30", "2026-12-24T18:30:00+01:00"),
        ("2026-12-24T18:30Z", "2026-12-24T19:30:00+01:00"),
        ("2026-12-24", "2026-12-24T00:00:00+01:00"),
    ],
)
def test_a_start_is_on_the_local_clock(berlin: None, text: str, expected: str) -> None:
    assert moment("start-at", text, NOW) == at(expected)


def test_a_time_of_day_after_the_clocks_are_set_back_is_of_that_day(berlin: None) -> None:
    evening_before = at("2026-10-24T22:00:00+02:00")
    assert moment("start-at", "08:00", evening_before) == at("2026-10-25T08:00:00+01:00")


@pytest.mark.parametrize(
    "text", ["", "+", "soon", "25:00", "12:60", "+2", "-2h", "9999999999-01-01"]
)
def test_what_is_no_time_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        moment("start-at", text, NOW)
    assert raised.value.detail["field"] == "start-at"
    assert "such as 90m, 3d or 1h30m" in raised.value.hint


@given(st.text(max_size=30), st.sampled_from((moment, past_moment)))
def test_any_text_is_a_time_or_refused(text: str, read: Callable[[str, str, float], float]) -> None:
    with contextlib.suppress(InvalidRequest):
        assert isinstance(read("since", text, NOW), float)
