"""Rows of a list that a verb is to act on together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Marks:
    """They stay while a filter hides their rows, and go with what they are of."""

    ids: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: int) -> bool:
        return id in self.ids

    def toggled(self, id: int) -> Marks:
        return Marks(self.ids ^ {id})

    def all_or_none(self, shown: Collection[int]) -> Marks:
        """With all that are shown; without them, where they were marked already."""
        them = frozenset(shown)
        return Marks(self.ids - them if them <= self.ids else self.ids | them)

    def within(self, known: Iterable[int]) -> Marks:
        """Those that are there; the same object where none has gone."""
        left = self.ids.intersection(known) if self.ids else self.ids
        return self if len(left) == len(self.ids) else Marks(left)
