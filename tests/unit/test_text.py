"""What is shown to people, whatever it was made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wantui.text import bytes_text, clean, duration_text, nearest, one_line

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text(
    st.sampled_from("\x1b\x9b\x9d\x07[];?0123mMhlPX^_ \\\n\t\r\u202e\u2066\ud800aé漢")
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1b(Bcharset", "charset"),
        ("over\rwritten", "overwritten"),
        ("abc\u202ecba\u2069", "abccba"),
        ("half\ud800", "half"),
        ("色调艳丽 é 👍🏽", "色调艳丽 é 👍🏽"),
    ],
)
def test_clean_keeps_the_text_and_drops_what_commands_a_terminal(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(ANY_TEXT)
def test_clean_text_has_no_controls_can_be_encoded_and_stays_as_it_is(raw: str) -> None:
    shown = clean(raw)
    assert not {c for c in shown if (ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160}
    assert shown.encode().decode() == shown
    assert clean(shown) == shown


@given(ANY_TEXT, st.none() | st.integers(0, 40))
def test_one_line_is_one_line_and_never_wider_than_asked(raw: str, width: int | None) -> None:
    line = one_line(raw, width)
    assert len(line.splitlines()) <= 1
    assert width is None or len(line) <= width


def test_one_line_says_that_it_was_cut() -> None:
    assert one_line("a long  prompt\nof two lines", 8) == "a long …"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (57_153_966_336, "57.2 GB"),
        (126_177_323_468, "126 GB"),
        (3.2e15, "3200 TB"),
        (-2_500_000, "-2.5 MB"),
    ],
)
def test_bytes_are_shown_in_decimal_units(count: float, shown: str) -> None:
    assert bytes_text(count) == shown


@given(st.integers(0, 10**15))
def test_bytes_are_shown_within_five_percent_in_at_most_seven_characters(count: int) -> None:
    shown = bytes_text(count)
    number, unit = shown.split()
    factor = 1000 ** ("B", "kB", "MB", "GB", "TB").index(unit)
    assert float(number) * factor == pytest.approx(count, rel=0.05)
    assert len(shown) <= 7


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00"),
        (65, "1:05"),
        (3599.6, "1:00:00"),
        (7384, "2:03:04"),
        (172799, "47:59:59"),
        (172800, "2 days"),
        (5448424, "63 days"),
    ],
)
def test_durations_read_like_a_clock(seconds: float, shown: str) -> None:
    assert duration_text(seconds) == shown


def test_the_nearest_word_is_found_whatever_its_case_and_nothing_is_made_up() -> None:
    assert nearest("T2V-A14", ["i2v-a14b", "t2v-a14b"]) == "t2v-a14b"
    assert nearest("Keep_Alive", ["keep_alive_s", "theme"]) == "keep_alive_s"
    assert nearest("zzz", ["theme", "refresh_s"]) is None
    assert nearest("anything", []) is None
