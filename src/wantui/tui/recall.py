"""A walk through what was typed before, with the way back to what is typed now. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recall:
    """`at` is the place in `texts`; -1 is the draft that the walk began with."""

    texts: tuple[str, ...]
    """The newest first."""
    draft: str = ""
    at: int = -1

    @property
    def text(self) -> str:
        return self.draft if self.at < 0 else self.texts[self.at]

    def moved(self, older: int, typed: str) -> Recall:
        """One further (1) or back (-1); what was changed on the way is a draft of its own.

        A text that says what is shown already is passed over.
        """
        here = self if typed == self.text else Recall(self.texts, typed)
        at = here.at + older
        while 0 <= at < len(self.texts) and self.texts[at] == typed:
            at += older
        if at >= len(self.texts):
            return here
        return Recall(self.texts, here.draft, max(at, -1))
