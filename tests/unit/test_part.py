"""What a journal says after a kill, and after a power cut: then another kernel runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.hub import wait_until
from wantui.fetcher import part as parts
from wantui.fetcher.part import Part, begun_bytes, syncing

SIZE = 1000


def begun(folder: Path) -> Part:
    return Part(folder, "digest", SIZE, segments=1)


def in_another_boot(folder: Path) -> None:
    """As a journal looks whose kernel is gone."""
    path = folder / "digest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"boot": "an earlier one"}))


def test_what_was_written_counts_after_a_kill(tmp_path: Path) -> None:
    part = begun(tmp_path)
    part.write(part.segments[0], bytes(300))
    part.save()
    part.write(part.segments[0], bytes(100))  # not in the journal yet
    assert begun_bytes(tmp_path, "digest", SIZE) == 300
    assert begun(tmp_path).present == 300
    part.close()


def test_what_was_synced_counts_after_a_power_cut(tmp_path: Path) -> None:
    part = begun(tmp_path)
    part.write(part.segments[0], bytes(200))
    part.sync()
    part.write(part.segments[0], bytes(300))
    part.save()
    part.close()
    assert begun_bytes(tmp_path, "digest", SIZE) == 500
    in_another_boot(tmp_path)
    again = begun(tmp_path)
    assert again.present == 200
    again.write(again.segments[0], bytes(50))
    again.save()
    assert begun_bytes(tmp_path, "digest", SIZE) == 250
    again.close()


def test_a_sync_speaks_of_nothing_that_was_forgotten_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = begun(tmp_path)
    part.write(part.segments[0], bytes(400))

    def slow_disk(handle: int) -> None:
        part.forget()

    monkeypatch.setattr(os, "fsync", slow_disk)
    part.sync()
    assert (part.segments[0].at, part.segments[0].synced) == (0, 0)
    assert begun_bytes(tmp_path, "digest", SIZE) == 0
    part.close()


def test_a_sync_leaves_no_journal_of_a_file_that_was_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = begun(tmp_path)
    part.write(part.segments[0], bytes(SIZE))

    def slow_disk(handle: int) -> None:
        part.place(tmp_path / "whole")

    monkeypatch.setattr(os, "fsync", slow_disk)
    part.sync()
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    assert (tmp_path / "whole").read_bytes() == bytes(SIZE)


def test_what_is_on_its_way_is_synced_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SYNC_S", 0.01)
    part = begun(tmp_path)
    with syncing(lambda: (part,)):
        part.write(part.segments[0], bytes(400))
        wait_until(lambda: part.segments[0].synced == 400)
    in_another_boot(tmp_path)
    assert begun_bytes(tmp_path, "digest", SIZE) == 400
    part.close()
