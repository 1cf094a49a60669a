"""The sentences that a clip may be described with, and the words in them."""

from __future__ import annotations

import random
from collections.abc import Mapping

from clips import Clip

_COLOURS = {"purple": ("purple", "violet")}
_SHAPES = {"circle": ("circle", "ball", "disc"), "bar": ("bar", "brick", "block")}
_BACKGROUNDS = {"grey": ("grey", "gray"), "navy": ("navy", "dark blue")}
_SIZES = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
_SPEEDS = {"slow": ("slowly", "gently"), "fast": ("fast", "quickly")}
_DIRECTIONS = {
    "left": ("left", "to the left", "leftwards"),
    "right": ("right", "to the right", "rightwards"),
    "up": ("up", "upwards"),
    "down": ("down", "downwards"),
}
_MOVES = ("moving", "moves", "going", "goes", "sliding", "slides", "drifting", "flying")
_ON = ("on", "over", "across", "in front of", "with")
_THINGS = ("background", "backdrop")

_THAT, _COMMA, _STOP = 0.15, 0.1, 0.25
"""Shares of sentences: those with a relative clause, a comma, and a full stop."""


def caption(clip: Clip, chance: random.Random) -> str:
    """One of the many ways to say it; size, speed and background are sometimes left out."""
    colour, shape = _said(_COLOURS, clip.colour, chance), _said(_SHAPES, clip.shape, chance)
    size = _said(_SIZES, clip.size, chance) if chance.random() < 0.5 else ""
    thing = f"{size} {colour} {shape}"
    move = chance.choice(_MOVES)
    way = _said(_DIRECTIONS, clip.direction, chance)
    speed = _said(_SPEEDS, clip.speed, chance) if chance.random() < 0.5 else ""
    motion = f"{move} {speed} {way}" if chance.random() < 0.5 else f"{move} {way} {speed}"
    if chance.random() < _THAT:
        motion = f"that {'is ' if move.endswith('ing') else ''}{motion}"
    background = ""
    if chance.random() < 0.8:
        name = _said(_BACKGROUNDS, clip.background, chance)
        background = f"{chance.choice(_ON)} a {name} {chance.choice(_THINGS)}"
    article = "the" if chance.random() < 0.2 else _article(thing)
    article = "" if chance.random() < 0.2 else article
    comma = "," if background and chance.random() < _COMMA else ""
    stop = "." if chance.random() < _STOP else ""
    words = f"{article} {thing} {motion}".split()
    return f"{' '.join(words)}{comma} {background}".strip() + stop


def _article(thing: str) -> str:
    return "an" if thing.strip()[0] in "aeiou" else "a"


def vocabulary() -> tuple[str, ...]:
    """Every word that a sentence can have."""
    groups = (_COLOURS, _SHAPES, _BACKGROUNDS, _SIZES, _SPEEDS, _DIRECTIONS)
    phrases = [phrase for group in groups for said in group.values() for phrase in said]
    phrases += [*_MOVES, *_ON, *_THINGS, "a", "an", "the", "that", "is"]
    phrases += ["red", "green", "blue", "yellow", "orange", "white", "triangle"]
    phrases += ["black", "brown", "teal"]
    return tuple(dict.fromkeys(word for phrase in phrases for word in phrase.split()))


def _said(ways: Mapping[str, tuple[str, ...]], name: str, chance: random.Random) -> str:
    return chance.choice(ways.get(name, (name,)))
