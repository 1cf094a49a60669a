"""How much lies in a folder, and how fast its disk reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wantui.hardware import folders, read_rate
from wantui.hardware.folders import folder_bytes

MIB = 1 << 20


def filled(path: Path, size: int) -> Path:
    """With bytes that no file system makes smaller."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


def test_a_folders_bytes_are_counted_once_and_links_lead_nowhere(tmp_path: Path) -> None:
    blob = filled(tmp_path / "hub" / "blobs" / "a", 3 * MIB)
    snapshot = tmp_path / "hub" / "snapshots"
    snapshot.mkdir()
    (snapshot / "link").symlink_to(blob)
    (snapshot / "same").hardlink_to(blob)
    (snapshot / "round").symlink_to(tmp_path, target_is_directory=True)
    outside = filled(tmp_path / "elsewhere", 5 * MIB)
    (snapshot / "outside").symlink_to(outside)
    counted = folder_bytes(tmp_path / "hub")
    assert counted is not None
    assert 3 * MIB <= counted < 3.5 * MIB


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert folder_bytes(tmp_path / "none") == 0


def test_a_folder_with_too_many_files_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MOST_ENTRIES", 3)
    for number in range(4):
        filled(tmp_path / str(number), 1)
    assert folder_bytes(tmp_path) is None


def test_a_disk_is_measured_by_the_largest_file_that_is_there(tmp_path: Path) -> None:
    filled(tmp_path / "small" / "config.json", 100)
    filled(tmp_path / "blobs" / "weights", 24 * MIB)
    rate = read_rate.read_rate(tmp_path)
    assert rate is not None
    assert rate > MIB
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        *("config.json", "weights"),
    }


def test_without_a_large_file_one_is_written_only_if_that_may_be(tmp_path: Path) -> None:
    filled(tmp_path / "config.json", 100)
    assert read_rate.read_rate(tmp_path) is None
    rate = read_rate.read_rate(tmp_path, may_write=True)
    assert rate is not None
    assert rate > MIB
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_disk_that_cannot_be_read_or_written_is_not_measured(tmp_path: Path) -> None:
    assert read_rate.read_rate(tmp_path / "none", may_write=True) is None


def test_disks_are_told_apart_by_the_nearest_folder_there_is(tmp_path: Path) -> None:
    assert read_rate.disk_id(tmp_path / "not" / "yet") == read_rate.disk_id(tmp_path)
    assert read_rate.disk_id(tmp_path) != read_rate.disk_id(Path("/proc"))
