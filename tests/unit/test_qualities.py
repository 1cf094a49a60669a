"""What a quality changes, what it needs, and whose values win."""

from __future__ import annotations

from pathlib import Path

import pytest

from wantui.api.job import JobRequest
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Quality, Recipe
from wantui.catalog.resolve import resolve
from wantui.errors import SettingsInvalid
from wantui.paths import shipped_config

CATALOG = Catalog.load(shipped_config())
LIGHTNING = CATALOG.quality("lightning")


@pytest.mark.parametrize("recipe", CATALOG.recipes, ids=lambda recipe: recipe.id)
def test_faithful_changes_nothing(recipe: Recipe) -> None:
    faithful = CATALOG.quality("faithful")
    assert faithful.applied_to(recipe) == recipe
    assert faithful.adapters == ()
    assert [quality.id for quality in CATALOG.qualities if quality.faithful] == ["faithful"]


def test_few_steps_win_over_the_official_values_and_what_a_user_gives_wins_over_both() -> None:
    recipe = LIGHTNING.applied_to(CATALOG.model("t2v-a14b"))
    plain = resolve(recipe, JobRequest(prompt="a cat"), None)
    assert (plain.steps, plain.guidance, plain.guidance_low, plain.shift) == (4, 1.0, 1.0, 5.0)
    assert (plain.frames, plain.width) == (81, 1280)
    given = JobRequest(prompt="a cat", steps=6, guidance=2.5, shift=8.0)
    asked = resolve(recipe, given, None)
    assert (asked.steps, asked.guidance, asked.guidance_low, asked.shift) == (6, 2.5, 2.5, 8.0)


def test_few_steps_with_one_expert_have_one_guidance() -> None:
    params = resolve(LIGHTNING.applied_to(CATALOG.model("ti2v-5b")), JobRequest(prompt="x"), None)
    assert (params.steps, params.guidance, params.guidance_low) == (4, 1.0, None)


def test_no_shipped_quality_names_a_repository_that_nobody_checked() -> None:
    assert [need.expert for need in LIGHTNING.adapters] == ["high", "low"]
    assert all(
        need.repository is None for quality in CATALOG.qualities for need in quality.adapters
    )


OWN = """
id = "mine"
name = "Mine"
summary = "Eight steps"
faithful = false
defaults = { steps = 8 }
adapters = [{ expert = "high", repository = "owner/name", file = "high.safetensors" }]
"""


def load(folder: Path, text: str) -> Catalog:
    (folder / "mine.toml").write_text(text, "utf-8")
    return Catalog.load(shipped_config(), None, folder)


def test_a_quality_of_one_s_own_is_a_file(tmp_path: Path) -> None:
    catalog = load(tmp_path, OWN)
    mine: Quality = catalog.quality("mine")
    assert (mine.defaults.steps, mine.adapters[0].repository) == (8, "owner/name")
    assert [quality.id for quality in catalog.qualities] == ["faithful", "lightning", "mine"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "mine"', 'id = "lightning"', "another quality's name"),
        ('id = "mine"', 'id = "My quality"', "is no id"),
        ("faithful = false", "faithful = true", "only the shipped"),
        ("steps = 8", "stepps = 8", "defaults.stepps"),
        ('expert = "high"', 'expert = "both"', "adapters.0.expert"),
        (', file = "high.safetensors"', "", "a repository and a file"),
        ("]", "", "mine.toml"),
    ],
)
def test_what_is_wrong_in_one_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path, OWN.replace(old, new))
    assert says in caught.value.message
    assert "mine.toml" in caught.value.message
