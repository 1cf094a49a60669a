"""Which texts somebody means who types a few letters of them. Pure.

Textual has one too, which tries every way that letters can fit: a long prompt takes it minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
LONGEST = 2_000
"""Characters of a text that are looked at."""


def best(query: str, items: Iterable[T], text: Callable[[T], str]) -> list[T]:
    """Those that fit, the best first; of equal ones the first stays first."""
    found = [(score(query, text(item)), item) for item in items]
    kept = [(points, item) for points, item in found if points is not None]
    return [item for _, item in sorted(kept, key=lambda pair: -pair[0])]


def score(query: str, text: str) -> float | None:
    """How well every word of a query fits, in any order; None if one does not."""
    hay = text[:LONGEST].casefold()
    points = [_fit(word, hay) for word in query.casefold().split()]
    return None if None in points else sum(filter(None, points))


def _fit(word: str, hay: str) -> float | None:
    """A whole piece of the text is worth most, where a word begins more than within; then letters
    in their order, the more the closer they are.
    """
    at = hay.find(word)
    if at >= 0:
        begins = at == 0 or not hay[at - 1].isalnum() or f" {word}" in hay
        return 3.0 if begins else 2.0
    first = at = hay.find(word[0])
    for letter in word[1:]:
        if at < 0:
            return None
        at = hay.find(letter, at + 1)
    return None if at < 0 else len(word) / (at - first + 1)
