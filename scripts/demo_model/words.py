"""What the demo's tokenizer knows: characters, and the words that prompts are made of."""

from __future__ import annotations

LETTERS = "".join(map(chr, range(0x21, 0x7F)))
"""Printable ASCII. Anything else is unknown to the demo."""

_WORDS = """
a A an the The this that of in on at to from with without and or over under through into by near
is are it its his her their one two three many
red orange yellow green blue purple pink brown black white grey gray gold golden silver dark bright
light warm cold soft colorful neon deep pale
cat dog bird fish horse bear fox rabbit lion robot man woman child girl boy person people face hand
hair dress car train boat ship plane bicycle ball balloon kite flower rose tree leaf leaves grass
forest mountain hill river lake sea ocean wave waves beach sand sky cloud clouds rain snow storm
fire smoke water ice sun moon star stars night day morning evening sunset sunrise city street house
room window door road bridge garden field desert island village castle kitchen table book lamp
candle glass cup coffee tea food fruit apple music
walk run jump fly swim dance sing play sleep eat drink look turn spin move fall rise float drift
glow shine burn grow open close ride drive sit stand hold wear smile laugh
slow slowly fast quickly gently smooth left right up down forward camera close wide shot zoom pan
view aerial cinematic realistic style painting watercolor anime cartoon detailed beautiful old
young small little big large tall long round tiny happy sad quiet calm wild
"""
_ENDINGS = "s es ed ing er ly y n't 's"

PIECES = tuple(dict.fromkeys([f"▁{word}" for word in _WORDS.split()] + _ENDINGS.split()))
"""Words start with the tokenizer's mark of a space; endings continue one. No doubles."""
PIECES = tuple(piece for piece in PIECES if piece not in LETTERS)
