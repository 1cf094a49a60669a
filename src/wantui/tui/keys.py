"""Which keys an action has: those it comes with, or the user's of `[tui.keys]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from textual.keys import Keys as NamedKey
from textual.keys import _character_to_key, key_to_character

from wantui.errors import SettingsInvalid
from wantui.text import nearest
from wantui.tui.actions import ACTIONS, MOVES, Action, of, shown
from wantui.tui.areas import Area

_MODIFIERS = frozenset(("ctrl", "shift", "alt", "super", "meta", "hyper"))
_NAMED = frozenset(key.value.rpartition("+")[2] for key in NamedKey)


@dataclass(frozen=True)
class Keys:
    """By action."""

    own: Mapping[str, str] = field(default_factory=dict)
    """The user's: an action's id to its keys, comma-separated, in Textual's long form."""

    def of(self, action: Action) -> list[str]:
        return self.own.get(action.id, action.keys).split(",")

    def shown(self, action: Action) -> str:
        """The first, as the footer writes it."""
        return shown(self.of(action)[0])

    def named(self, id: str) -> str:
        """The first of the action that is called so."""
        return next(self.shown(action) for action in ACTIONS if action.id == id)

    def all_shown(self, action: Action) -> list[str]:
        return [shown(key) for key in self.of(action)]


def keys_of(wanted: Mapping[str, str], source: Path) -> Keys:
    """The user's keys over those that actions come with.

    Raises SettingsInvalid, naming `source`, for an action or a key that there is not, and for two
    actions that one key would be for.
    """
    where = f"{source}: tui.keys"
    known = {action.id: action for action in (*ACTIONS, *MOVES)}
    for id in wanted:
        if id not in known:
            raise SettingsInvalid(f"{where}: no action is called {id}", hint=_meant(id, known))
    keys = Keys({id: ",".join(_long(text, f"{where}.{id}")) for id, text in wanted.items()})
    for area in Area:
        lists = () if area is Area.GENERATE else MOVES
        _refuse_clashes(keys, [*of(area), *of(None), *lists], where)
    return keys


def _refuse_clashes(keys: Keys, together: list[Action], where: str) -> None:
    taken: dict[str, Action] = {}
    for action in together:
        for key in keys.of(action):
            other = taken.setdefault(key, action)
            if other is not action and {other.id, action.id} & set(keys.own):
                raise SettingsInvalid(
                    f"{where}: {shown(key)} would be both {other.id} and {action.id}",
                    hint=f"give one of them another key: {other.sentence}, or {action.sentence}",
                )


def _long(text: str, where: str) -> Iterator[str]:
    """Each of comma-separated keys as Textual calls it."""
    for key in text.split(","):
        name = _character_to_key(key.strip()) if len(key.strip()) == 1 else key.strip()
        if not _is_key(name):
            hint = _meant(name, _NAMED) or "a key is written as x, X, ?, f5, ctrl+x or shift+up"
            raise SettingsInvalid(f"{where}: no key is called {name!r}", hint=hint)
        yield name


def _is_key(name: str) -> bool:
    *modifiers, key = name.split("+")
    named = key in _NAMED or key_to_character(key) is not None
    return named and set(modifiers) <= _MODIFIERS


def _meant(word: str, known: Mapping[str, object] | frozenset[str]) -> str | None:
    near = nearest(word, known)
    return f"did you mean {near}?" if near else None
