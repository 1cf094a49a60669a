"""A file as an order knows it: what makes it another file, and what does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wantui.pipe.file import KnownFile


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"!")


def overwritten(path: Path) -> None:
    """With as many bytes."""
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # it may be the same tick of the clock


def replaced(path: Path) -> None:
    """By a copy, which has its time too."""
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def linked(path: Path) -> None:
    path.with_suffix(".link").hardlink_to(path)


def renamed_and_back(path: Path) -> None:
    path.rename(path.with_suffix(".other")).rename(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(b"content")
    return path


@pytest.mark.parametrize("change", [appended, overwritten, replaced])
def test_a_file_that_is_written_to_or_replaced_is_another(
    path: Path, change: Callable[[Path], None]
) -> None:
    known = KnownFile.at(str(path), path.stat())
    assert known.is_still(path.stat())
    change(path)
    assert not known.is_still(path.stat())


@pytest.mark.parametrize("change", [linked, renamed_and_back])
def test_a_file_that_has_other_names_is_the_same(
    path: Path, change: Callable[[Path], None]
) -> None:
    known = KnownFile.at(str(path), path.stat(), "ab")
    change(path)
    assert known.is_still(path.stat())
    assert KnownFile.at(str(path), path.stat(), "ab") == known
