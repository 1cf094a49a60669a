"""The user's own editor: which, what it leaves, and how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from wantui.errors import InvalidRequest
from wantui.tui.editor import edited, editor_command


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "my editor"
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def test_visual_goes_before_editor() -> None:
    assert editor_command({"VISUAL": "sh -c", "EDITOR": "ed"}) == ["sh", "-c"]
    assert editor_command({"EDITOR": "sh", "PATH": "/bin:/usr/bin"}) == ["sh"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "no editor is named"),
        ({"EDITOR": " "}, "no editor is named"),
        ({"EDITOR": "no-such-editor"}, "there is no editor no-such-editor"),
        ({"EDITOR": "sh 'unended"}, "cannot read"),
    ],
)
def test_what_is_no_editor_is_said_with_what_to_set(environment: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as refused:
        editor_command(environment)
    assert "EDITOR" in refused.value.hint


def test_the_text_is_what_the_editor_left(tmp_path: Path) -> None:
    editor = script(tmp_path, 'sed -i "s/ball/cube/" "$1"; echo "and more" >> "$1"')
    assert edited("a ball\nmoves", [editor]) == "a cube\nmoves\nand more"
    assert edited("", [script(tmp_path, 'test ! -s "$1"')]) == ""


def test_an_editor_that_fails_leaves_the_text_and_says_so(tmp_path: Path) -> None:
    editor = script(tmp_path, 'echo lost > "$1"; exit 3')
    with pytest.raises(InvalidRequest, match="ended with 3: the text is as it was"):
        edited("a ball", [editor])


def test_what_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    editor = script(tmp_path, 'printf "\\377" > "$1"')
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        edited("a ball", [editor])


def test_an_editor_may_replace_the_file(tmp_path: Path) -> None:
    editor = script(tmp_path, 'echo new > "$1.tmp" && mv "$1.tmp" "$1"')
    assert edited("old", [editor]) == "new"
