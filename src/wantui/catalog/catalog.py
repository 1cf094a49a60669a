"""All recipes and qualities, and the one place that resolves a model's name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wantui.catalog.own import own_qualities, own_recipes
from wantui.catalog.recipe import Quality, Recipe, Source
from wantui.errors import InvalidRequest, UnknownModel
from wantui.text import nearest, one_line

DEMO = "demo"


@dataclass(frozen=True)
class Catalog:
    recipes: tuple[Recipe, ...]
    """In the order people should read them."""
    qualities: tuple[Quality, ...]

    @classmethod
    def load(
        cls, shipped: Path, own: Path | None = None, qualities_of_own: Path | None = None
    ) -> Catalog:
        """Read `models/*.toml` and `qualities/*.toml` below `shipped`, and the user's own of both.

        Raises SettingsInvalid naming the user's file and what is wrong in it.
        """
        entries = {path: _read(path) for path in sorted((shipped / "models").glob("*.toml"))}
        models = [Recipe.model_validate(entry) for entry in entries.values()]
        models.sort(key=lambda recipe: (recipe.id == DEMO, recipe.id))
        if own is not None:
            models += own_recipes(own, list(entries.values()))
        qualities = [
            Quality.model_validate(_read(path))
            for path in sorted((shipped / "qualities").glob("*.toml"))
        ]
        if qualities_of_own is not None:
            qualities += own_qualities(qualities_of_own, [quality.id for quality in qualities])
        qualities.sort(key=lambda quality: (not quality.faithful, quality.id))
        return cls(tuple(models), tuple(qualities))

    def model(self, name: str) -> Recipe:
        """By id or alias, whatever its case. Raises UnknownModel with the nearest name."""
        recipe = self._names.get(name.casefold())
        if recipe is None:
            near = nearest(name, (recipe.id for recipe in self.recipes))
            raise UnknownModel.for_field(
                "model",
                f"no model is called {one_line(name, 80)!r}",
                allowed=", ".join(recipe.id for recipe in self.recipes),
                nearest=near,
            )
        return recipe

    def shares(self, source: Source) -> bool:
        """Whether another model has more files of a repository: then it stays at the revision
        that is here, which is the other's to leave.
        """
        wanted = set(source.paths)
        others = (other for recipe in self.recipes for other in recipe.sources)
        return any(
            other.repository == source.repository and not wanted.issuperset(other.paths)
            for other in others
        )

    def quality(self, name: str) -> Quality:
        """By id. Raises InvalidRequest with the nearest name."""
        for quality in self.qualities:
            if quality.id == name:
                return quality
        known = [quality.id for quality in self.qualities]
        raise InvalidRequest.for_field(
            "quality",
            f"no quality is called {one_line(name, 80)!r}",
            allowed=", ".join(known),
            nearest=nearest(name, known),
        )

    @cached_property
    def _names(self) -> dict[str, Recipe]:
        return {
            name.casefold(): recipe
            for recipe in self.recipes
            for name in (recipe.id, *recipe.aliases)
        }


def _read(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text("utf-8"))
