"""What a journal says after a kill, and after a power cut: then another kernel runs."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path

import pytest

from tests.disks import fill, image_disk, small_disk
from tests.hub import wait_until
from wantui.errors import DiskFull
from wantui.fetcher import part as parts
from wantui.fetcher.part import Part, begun_bytes, syncing

SIZE = 1000


def begun(folder: Path) -> Part:
    return Part(folder, "digest", SIZE, segments=1)


def power_cut(folder: Path, journal: str) -> None:
    """Another kernel runs, and of a journal that was never synced it finds what it finds."""
    path = folder / "digest.json"
    if journal == "whole":
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {"boot": "an earlier one"}))
    else:
        path.write_bytes(b"" if journal == "empty" else bytes(path.stat().st_size))


def test_what_was_written_counts_after_a_kill(tmp_path: Path) -> None:
    part = begun(tmp_path)
    for came in range(100, 500, 100):
        part.write(part.segments[0], bytes(100))
        assert begun_bytes(tmp_path, "digest", SIZE) == came
    assert begun(tmp_path).present == 400
    part.close()


@pytest.mark.parametrize("journal", ["whole", "empty", "zeros"])
def test_what_was_synced_counts_after_a_power_cut(tmp_path: Path, journal: str) -> None:
    part = begun(tmp_path)
    part.write(part.segments[0], bytes(200))
    part.sync()
    part.write(part.segments[0], bytes(300))
    part.close()
    assert begun_bytes(tmp_path, "digest", SIZE) == 500
    power_cut(tmp_path, journal)
    again = begun(tmp_path)
    assert again.present == 200
    again.write(again.segments[0], bytes(50))
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
    assert part.segments[0].at == 0
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


def test_what_the_disk_refused_does_not_count(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        below = stack.enter_context(small_disk(tmp_path / "below", 16 << 20))
        image = below.seen / "image"
        disk = stack.enter_context(image_disk(tmp_path / "disk", image, 64 << 20))
        folder, size = disk.seen, 8 << 20
        part = Part(folder, "digest", size, segments=1)
        part.write(part.segments[0], bytes(1 << 20))
        part.sync()
        fill(below.seen / "filling")
        part.write(part.segments[0], os.urandom(6 << 20))
        assert begun_bytes(folder, "digest", size) == 7 << 20
        with pytest.raises((OSError, DiskFull)):
            part.sync()
        part.close()
        assert begun_bytes(folder, "digest", size) == 1 << 20


def test_what_a_full_disk_cut_short_counts(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        part = Part(disk.seen, "digest", 4 << 20, segments=1)
        part.write(part.segments[0], bytes(1 << 16))
        with pytest.raises(DiskFull):
            part.write(part.segments[0], bytes(2 << 20))
        part.close()
        there = (disk.seen / "digest.part").stat().st_size
        assert begun_bytes(disk.seen, "digest", 4 << 20) == there > 1 << 16


def test_what_is_on_its_way_is_synced_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SYNC_S", 0.01)
    part = begun(tmp_path)
    with syncing(lambda: (part,), threading.Event()):
        part.write(part.segments[0], bytes(400))
        synced = tmp_path / "digest.synced.json"
        wait_until(lambda: synced.exists() and '"at":400' in synced.read_text())
    power_cut(tmp_path, "whole")
    assert begun_bytes(tmp_path, "digest", SIZE) == 400
    part.close()
