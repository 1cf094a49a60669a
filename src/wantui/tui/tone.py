"""The few meanings that a colour may have; a glyph or word always says the same."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from textual.content import Content

from wantui.text import clean


class Tone(StrEnum):
    PLAIN = "plain"
    MUTED = "muted"
    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    STRONG = "strong"


STYLES: dict[Tone, str] = {
    Tone.PLAIN: "",
    Tone.MUTED: "dim",
    Tone.GOOD: "$success",
    Tone.BUSY: "$primary",
    Tone.WARN: "$warning",
    Tone.BAD: "$error",
    Tone.STRONG: "bold",
}

Said = tuple[str, Tone]
"""A piece of text and what it means; foreign text may be raw, `content` cleans it."""

Fact = tuple[str, Said]
"""A name and its value."""


def content(parts: Iterable[Said]) -> Content:
    """Cleaned pieces of text, each in its tone; never parsed as markup."""
    pieces = [(clean(text), STYLES[tone]) for text, tone in parts]
    return Content.assemble(*((text, style) if style else text for text, style in pieces))
