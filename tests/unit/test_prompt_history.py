"""Prompts over sessions: newest first, each once, bounded, and never in the way."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wantui.client import prompt_history
from wantui.client.prompt_history import MAX_PROMPTS, PromptHistory
from wantui.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environment({"WANTUI_HOME": str(tmp_path)})


def test_the_newest_is_first_and_each_is_there_once(paths: Paths) -> None:
    history = PromptHistory(paths)
    assert history.load() == ()
    for prompt in ("a ball", "two\nlines", "a ball"):
        history.add(prompt)
    assert PromptHistory(paths).load() == ("a ball", "two\nlines")
    assert stat.S_IMODE(paths.prompts.stat().st_mode) == 0o600


def test_what_cannot_be_read_is_passed_over(paths: Paths) -> None:
    history = PromptHistory(paths)
    history.add("before")
    with paths.prompts.open("ab") as file:
        file.write(b'{"prompt": 5}\n[]\n{"pro\n\xff\xfe\n{"prompt": " "}\n')
    history.add("after")
    assert history.load() == ("after", "before")


def test_there_are_never_more_than_so_many(paths: Paths) -> None:
    history = PromptHistory(paths)
    for number in range(MAX_PROMPTS + 5):
        history.add(f"number {number}")
    known = history.load()
    assert len(known) == MAX_PROMPTS
    assert known[0] == f"number {MAX_PROMPTS + 4}"


def test_a_file_that_grows_too_long_keeps_its_newest_half(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_history, "MAX_BYTES", 2_000)
    history = PromptHistory(paths)
    for number in range(60):
        history.add(f"{number} {'x' * 40}")
        assert paths.prompts.stat().st_size < 2_100
    assert history.load()[0].startswith("59 ")
    assert history.load()[-1] != f"0 {'x' * 40}"


def test_a_folder_in_the_file_s_place_holds_nobody_up(paths: Paths) -> None:
    paths.prompts.mkdir(parents=True)
    paths.state.chmod(0o700)
    history = PromptHistory(paths)
    history.add("lost")
    assert history.load() == ()


@given(st.lists(st.text(min_size=1, max_size=60).filter(str.strip), max_size=8))
@settings(deadline=None, max_examples=40)
def test_anything_that_is_sent_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str]
) -> None:
    home = str(tmp_path_factory.mktemp("home"))
    history = PromptHistory(Paths.from_environment({"WANTUI_HOME": home}))
    for prompt in prompts:
        history.add(prompt)
    assert history.load() == tuple(dict.fromkeys(reversed(prompts)))
