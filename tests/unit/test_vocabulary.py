"""A model that was taught a few words says which ones, and which of a prompt it does not know."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from wantui.catalog.catalog import DEMO, Catalog
from wantui.catalog.vocabulary import notes, unknown_words
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
RECIPE = CATALOG.model(DEMO)


def test_the_demo_s_words_are_those_that_it_was_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = Path(__file__).parents[2] / "scripts" / "demo_model"
    monkeypatch.syspath_prepend(str(scripts))
    taught = runpy.run_path(str(scripts / "captions.py"))["vocabulary"]()
    assert sorted(taught) == sorted(RECIPE.words)


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("A Red Circle, moving left on a black background.", []),
        ("a cat on a red surfboard; the CAT", ["cat", "surfboard"]),
        ("2 Zürich!", ["zürich"]),
        ("", []),
    ],
)
def test_words_are_compared_without_case_and_signs(prompt: str, unknown: list[str]) -> None:
    assert unknown_words(RECIPE, prompt) == unknown


def test_the_note_names_a_few_and_counts_the_rest() -> None:
    [note] = notes(RECIPE, "one two three four five six seven red")
    assert "and not: one, two, three, four, five and 2 more;" in note.message
    assert list(notes(RECIPE, "a red ball")) == []


def test_a_model_that_reads_any_text_knows_every_word() -> None:
    assert unknown_words(CATALOG.model("ti2v-5b"), "a cat on a surfboard") == []
