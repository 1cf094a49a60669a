"""The words of a model that was taught only a few: which of a prompt's it has never seen."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wantui.api.job import JobWarning
from wantui.catalog.recipe import Recipe

_WORD = re.compile(r"[^\W\d_]+")
_SHOWN = 5


def unknown_words(recipe: Recipe, prompt: str) -> list[str]:
    """In the prompt's order, each once; none for a model that reads any text."""
    if not recipe.words:
        return []
    said = _WORD.findall(prompt.casefold())
    return [word for word in dict.fromkeys(said) if word not in recipe.words]


def notes(recipe: Recipe, prompt: str) -> Iterator[JobWarning]:
    """What to tell whoever prompts such a model with other words."""
    unknown = unknown_words(recipe, prompt)
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        yield JobWarning(
            code="unknown_words",
            message=f"{recipe.id} knows only a few words, and not: {', '.join(unknown[:_SHOWN])}"
            f"{more}; it draws what it makes of the others (see: wantui show {recipe.id})",
        )
