"""The walk through earlier prompts, and finding one by a few letters."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from wantui.tui.fuzzy import best, score
from wantui.tui.recall import Recall


def test_a_walk_goes_back_and_returns_to_what_was_typed() -> None:
    walk = Recall(("newest", "older"), "a draft")
    walk = walk.moved(1, "a draft")
    assert walk.text == "newest"
    walk = walk.moved(1, "newest")
    assert walk.text == "older"
    assert walk.moved(1, "older").text == "older"
    walk = walk.moved(-1, "older").moved(-1, "newest")
    assert walk.text == "a draft"
    assert walk.moved(-1, "a draft").text == "a draft"


def test_what_is_changed_on_the_way_is_kept_as_the_draft() -> None:
    walk = Recall(("newest", "older"), "").moved(1, "")
    walk = walk.moved(1, "newest, but red")
    assert walk.text == "newest"
    assert walk.moved(-1, "newest").text == "newest, but red"


def test_a_text_that_is_shown_already_is_passed_over() -> None:
    assert Recall(("same", "older"), "same").moved(1, "same").text == "older"


@given(st.lists(st.text(max_size=5), max_size=5), st.lists(st.sampled_from([1, -1]), max_size=20))
def test_the_way_down_always_ends_at_the_draft(texts: list[str], steps: list[int]) -> None:
    walk = Recall(tuple(texts), "draft")
    for step in steps:
        walk = walk.moved(step, walk.text)
    for _ in range(len(texts) + 1):
        walk = walk.moved(-1, walk.text)
    assert walk.text == "draft"


def test_whole_words_are_found_before_scattered_letters() -> None:
    prompts = ["a cable art tie", "the black cat", "a cat sits", "concatenated", "dog"]
    assert best("cat", prompts, str) == ["the black cat", "a cat sits", "concatenated", prompts[0]]


def test_every_word_has_to_fit_in_any_order() -> None:
    assert best("red ball", ["ball of red", "red cube"], str) == ["ball of red"]
    assert best("", ["b", "a"], str) == ["b", "a"]


def test_a_long_prompt_is_searched_at_once() -> None:
    started = time.monotonic()
    assert score("aeiouaeiouaeiou", "the quick brown fox " * 400) is None
    assert score("qbfx", "the quick brown fox " * 400) is not None
    assert time.monotonic() - started < 0.5
