"""What the generate screen shows of a model and of a refusal: plain, so that it draws at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wantui.tui.tone import Said


@dataclass(frozen=True)
class Range:
    """Numbers that a field may hold: `low`, then on by `step`, `high` at most."""

    low: float
    high: float
    step: float = 1


@dataclass(frozen=True)
class Offer:
    id: str
    label: tuple[str, Said]
    """Its name, and the state of its weights."""
    placeholders: Mapping[str, str]
    """What is taken where nothing is typed, by field."""
    choices: Mapping[str, tuple[str, ...]]
    """What there is to choose of, by field."""
    ranges: Mapping[str, Range]
    allowed: Mapping[str, str]
    """What may be typed, in a line, by field."""
    absent: str | None
    """How to get weights that are not there."""
    max_prompt_characters: int


@dataclass(frozen=True)
class Refusal:
    field: str | None
    """The field of the form that it is about."""
    text: str
