"""The keys of the screen that is looked at, then those of everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.tui.actions import MOVES, Action, of
from wantui.tui.areas import Area
from wantui.tui.keys import Keys
from wantui.tui.tone import Fact, Tone


def help_facts(area: Area, keys: Keys) -> Iterator[Fact]:
    """Every key that an action has, and what it does."""
    yield from (_fact(action, keys) for action in of(area))
    yield "", ("", Tone.PLAIN)
    yield from (_fact(move, keys) for move in MOVES)
    yield "tab", ("The next part of the screen", Tone.PLAIN)
    yield from (_fact(action, keys) for action in of(None))


def _fact(action: Action, keys: Keys) -> Fact:
    return " ".join(keys.all_shown(action)), (action.sentence, Tone.PLAIN)
