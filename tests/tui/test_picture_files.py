"""Folders and pictures that can be chosen, and how they are named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wantui.tui.pictures import (
    Listing,
    field_text,
    folder_to_start_in,
    listing,
    typed_folder,
)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "new.webp", "notes.txt", ".hidden.png", "bad\nname.png"):
        (tmp_path / name).write_bytes(b"12")
    os.utime(tmp_path / "a.JPG", (1, 1))
    os.utime(tmp_path / "b.png", (2, 2))
    os.utime(tmp_path / "new.webp", (3, 3))
    for folder in ("zoo", "Apples", ".git"):
        (tmp_path / folder).mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    return tmp_path


def names(found: Listing, typed: str = "") -> list[str]:
    return [item.name for item in found.shown(typed)]


def test_folders_come_first_then_pictures_the_newest_first(shelf: Path) -> None:
    found = listing(shelf)
    assert names(found) == ["Apples/", "zoo/", "new.webp", "b.png", "a.JPG"]
    assert found.others == 3, "a note, a link that leads nowhere, a name that cannot be typed"


def test_what_is_typed_narrows_it_and_a_dot_shows_what_is_hidden(shelf: Path) -> None:
    found = listing(shelf)
    assert names(found, "jpg") == ["a.JPG"]
    assert set(names(found, ".")) >= {".git/", ".hidden.png"}


def test_what_cannot_be_looked_into_is_said(tmp_path: Path) -> None:
    assert "No such file" in listing(tmp_path / "none").problem
    (tmp_path / "file").write_bytes(b"")
    assert "Not a directory" in listing(tmp_path / "file").problem


def test_it_starts_where_the_typed_picture_is(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf / "zoo")
    assert folder_to_start_in("") == shelf / "zoo"
    assert folder_to_start_in("../a.JPG") == shelf / "zoo" / ".."
    assert folder_to_start_in(str(shelf / "none" / "x.png")) == shelf
    assert folder_to_start_in("~nobody-of-that-name/x") == Path("/")
    assert folder_to_start_in("a\0b") == shelf / "zoo"


def test_a_folder_is_named_by_a_slash_at_its_end(shelf: Path) -> None:
    assert typed_folder("zoo/", shelf) == shelf / "zoo"
    assert typed_folder("../", shelf / "zoo") == shelf
    assert typed_folder("/", shelf) == Path("/")
    assert typed_folder("zoo", shelf) is None
    assert typed_folder("none/", shelf) is None
    assert typed_folder("~nobody-of-that-name/", shelf) is None


def test_a_path_below_home_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert field_text(tmp_path / "pics" / "a.png") == "~/pics/a.png"
    assert field_text(Path("/elsewhere/a.png")) == "/elsewhere/a.png"
