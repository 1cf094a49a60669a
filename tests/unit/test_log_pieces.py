"""A log file read piece by piece: onwards from an offset, and back from the end."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wantui.daemon import logs
from wantui.daemon.logs import read_log

contents = st.lists(st.text("aß \t", max_size=40), max_size=30).map("\n".join)


@given(contents, st.integers(8, 64))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_back_from_the_end_every_line_is_read_once(tmp_path: Path, text: str, size: int) -> None:
    log = tmp_path / "log.txt"
    log.write_text(f"{text}\n", "utf-8")
    with patch.object(logs, "PIECE_BYTES", size):
        piece = read_log(log, "7", None)
        found, starts = piece.text, [piece.offset]
        while piece.offset > 0:
            piece = read_log(log, "7", None, before=piece.offset)
            assert piece.next_offset == starts[-1]
            found = piece.text + found
            starts.append(piece.offset)
    if max(len(line.encode()) for line in text.split("\n")) < size:  # else a character may be cut
        assert found == f"{text}\n"
    assert starts == sorted(starts, reverse=True)


def test_before_the_start_and_of_a_log_that_was_rotated_there_is_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("one\ntwo\n", "utf-8")
    for before in (0, 1000):
        piece = read_log(log, "daemon", None, before=before)
        assert (piece.text, piece.offset, piece.next_offset) == ("", 0, 0)
    piece = read_log(log, "daemon", None, before=4)
    assert (piece.text, piece.offset, piece.next_offset) == ("one\n", 0, 4)


@pytest.mark.parametrize("offset", [0, 4, 8])
def test_onwards_from_an_offset(tmp_path: Path, offset: int) -> None:
    log = tmp_path / "log.txt"
    log.write_text("one\ntwo\n", "utf-8")
    piece = read_log(log, "daemon", offset)
    assert (piece.text, piece.offset, piece.next_offset) == ("one\ntwo\n"[offset:], offset, 8)
