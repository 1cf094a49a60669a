"""What the generate screen shows of a model and of a refusal: plain, so that it draws at once."""

from __future__ import annotations

from dataclasses import dataclass

from wantui.tui.tone import Said


@dataclass(frozen=True)
class Offer:
    id: str
    label: tuple[str, Said]
    """Its name, and the state of its weights."""
    placeholders: dict[str, str]
    """What is taken where nothing is typed, by field."""
    sizes: str
    absent: str | None
    """How to get weights that are not there."""
    max_prompt_characters: int


@dataclass(frozen=True)
class Refusal:
    field: str | None
    """The field of the form that it is about."""
    text: str
