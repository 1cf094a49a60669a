"""Pictures in the cells of a terminal: two pixels a cell in colour, or eight dots without.

Pure, and Pillow does the arithmetic. A library for pictures in Rich was not taken: it paints every
cell of every frame, always in 24 bits, and knows no aspect. Here equal cells are one run, colours
are those that the terminal has, and a cell of an animation is only painted where it changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from io import BytesIO
from itertools import groupby
from typing import NamedTuple

from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from wantui.errors import InvalidImage

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 64_000_000
"""Of a picture that is decoded for a look at it."""
MAX_FRAMES = 480
"""Of an animation; the rest is not shown."""
TOLERANCE = 10
"""By how much, of 255, a colour may differ from what is on the screen before it is painted."""
APART = 4
"""Unchanged cells between two changed ones that are painted again: moving costs as much."""

Room = tuple[int, int]
"""Columns and lines."""


class Depth(Enum):
    """What a terminal can paint."""

    TRUE = "24 bits"
    EIGHT_BIT = "256 colours"
    SIXTEEN = "16 colours"
    DOTS = "dots"
    """No colours: lit dots, dithered."""


_COLOUR_BYTES = {Depth.TRUE: 16, Depth.EIGHT_BIT: 9, Depth.SIXTEEN: 3}
"""Of one colour in an escape sequence: `38;2;r;g;b`, `38;5;n` or `3n`, and what parts them."""
_STYLE_BYTES = len("\x1b[m\x1b[0m")
_GROUND_BYTES = _STYLE_BYTES + 2 * _COLOUR_BYTES[Depth.TRUE]
_MOVE_BYTES = len("\x1b[24;80H")
_GLYPH_BYTES = 3
"""Of a half block or dots, in UTF-8."""

Cell = tuple[int, int]
"""Upper and lower pixel as Pillow packs RGBX in a word; or a pattern of dots, and 0."""


class Span(NamedTuple):
    """Cells of a line that are to be painted."""

    line: int
    first: int
    width: int


@dataclass(frozen=True)
class Mosaic:
    """One frame, line by line."""

    lines: tuple[tuple[Cell, ...], ...]
    depth: Depth

    @property
    def room(self) -> Room:
        return len(self.lines[0]), len(self.lines)


@dataclass(frozen=True)
class Film:
    """Frames of one size, in their order."""

    frames: tuple[Mosaic, ...]
    fps: float
    """Frames a second; 0 for one that does not move."""
    frame_bytes: float
    """What one frame more costs on the wire, on average over a round."""

    @property
    def room(self) -> Room:
        return self.frames[0].room


def film(content: bytes, room: Room, depth: Depth, *, light: bool = False) -> Film:
    """Decode a picture or an animation, as large as there is room for. Takes a while.

    `light` is for dots on a light ground. Raises InvalidImage.
    """
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InvalidImage(f"{picture.width}x{picture.height} is too large to be shown")
            return _film(picture, room, depth, light=light)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,  # Pillow's, of a broken PNG
        ValueError,
    ) as error:
        raise InvalidImage(f"no picture can be made of it: {error}") from error


def _film(picture: Image.Image, room: Room, depth: Depth, *, light: bool) -> Film:
    count = min(getattr(picture, "n_frames", 1), MAX_FRAMES)
    per_cell = (2, 4) if depth is Depth.DOTS else (1, 2)
    picture.draft("RGB", (room[0] * per_cell[0], room[1] * per_cell[1]))
    frames: list[Mosaic] = []
    shown: Image.Image | None = None
    duration_ms = 0
    for number in range(count):
        picture.seek(number)
        frame = ImageOps.exif_transpose(picture).convert("RGB")
        columns, lines = fit(frame.width, frame.height, room)
        pixels = frame.resize((columns * per_cell[0], lines * per_cell[1]))
        shown = pixels if shown is None else _settled(shown, pixels)
        dots = depth is Depth.DOTS
        cells = _dotted(shown, light=light) if dots else _halves(_reduced(shown, depth))
        frames.append(Mosaic(cells, depth))
        duration_ms += picture.info.get("duration", 0)
    fps = 1000 * count / duration_ms if count > 1 and duration_ms else 0.0
    turns = zip((frames[-1], *frames), frames, strict=False)
    return Film(tuple(frames), fps, sum(cost(before, now) for before, now in turns) / count)


def fit(width: int, height: int, room: Room) -> Room:
    """The columns and lines of a picture that fills the room one way, with its aspect kept."""
    columns, lines = room
    scale = min(columns / width, 2 * lines / height)
    return (
        min(max(round(width * scale), 1), max(columns, 1)),
        min(max(round(height * scale / 2), 1), max(lines, 1)),
    )


def changed(before: Mosaic, now: Mosaic) -> Iterator[Span]:
    """What to paint over a frame of the same size to have another one."""
    for number, (old, new) in enumerate(zip(before.lines, now.lines, strict=True)):
        if old == new:
            continue
        columns = [x for x, (was, is_now) in enumerate(zip(old, new, strict=True)) if was != is_now]
        first = last = columns[0]
        for column in columns[1:]:
            if column - last > APART:
                yield Span(number, first, last - first + 1)
                first = column
            last = column
        yield Span(number, first, last - first + 1)


def cost(before: Mosaic, now: Mosaic) -> int:
    """Bytes on the wire, about."""
    total = 0
    for line, first, width in changed(before, now):
        total += _MOVE_BYTES
        if now.depth is Depth.DOTS:
            total += _GROUND_BYTES + width * _GLYPH_BYTES
        else:
            cells = now.lines[line][first : first + width]
            total += sum(_run_bytes(cell, now.depth, length) for cell, length in runs(cells))
    return total


def runs(cells: Sequence[Cell]) -> Iterator[tuple[Cell, int]]:
    """Equal neighbours, as one cell and how many there are."""
    for cell, same in groupby(cells):
        yield cell, sum(1 for _ in same)


def _run_bytes(cell: Cell, depth: Depth, length: int) -> int:
    if cell[0] == cell[1]:
        return _STYLE_BYTES + _COLOUR_BYTES[depth] + length
    return _STYLE_BYTES + 2 * _COLOUR_BYTES[depth] + length * _GLYPH_BYTES


def rgb(pixel: int) -> tuple[int, int, int]:
    """Red, green and blue of a packed pixel."""
    red, green, blue, _ = pixel.to_bytes(4, sys.byteorder)
    return red, green, blue


def _settled(shown: Image.Image, frame: Image.Image) -> Image.Image:
    """What is shown, with the new frame where it differs enough to be seen: codecs leave noise."""
    bands = ImageChops.difference(shown, frame).split()
    most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    return Image.composite(frame, shown, most.point(lambda level: 255 * (level > TOLERANCE)))


def _halves(pixels: Image.Image) -> tuple[tuple[Cell, ...], ...]:
    """Two pixels a cell, the upper one and the lower one."""
    width = pixels.width
    words = memoryview(pixels.convert("RGBX").tobytes()).cast("I")
    rows = [words[start : start + width] for start in range(0, len(words), width)]
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return tuple(tuple(zip(upper, lower, strict=True)) for upper, lower in pairs)


def _reduced(pixels: Image.Image, depth: Depth) -> Image.Image:
    """In the colours that there are; sixteen are too few to be used plain."""
    if depth is Depth.TRUE:
        return pixels
    if depth is Depth.SIXTEEN:
        grain = _thresholds(pixels.size).point(lambda level: level * SIXTEEN_APART // 256)
        grains = Image.merge("RGB", (grain, grain, grain))
        pixels = ImageChops.add(pixels, grains, offset=-SIXTEEN_APART // 2)
    none = Image.Dither.NONE  # Pillow's would change what does not move
    return pixels.quantize(palette=_palette(depth), dither=none).convert("RGB")


@cache
def _palette(depth: Depth) -> Image.Image:
    colours = _SIXTEEN if depth is Depth.SIXTEEN else _two_hundred_and_forty()
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for colour in colours for level in colour])
    return palette


_SIXTEEN = (
    (0, 0, 0),
    (170, 0, 0),
    (0, 170, 0),
    (170, 85, 0),
    (0, 0, 170),
    (170, 0, 170),
    (0, 170, 170),
    (170, 170, 170),
    (85, 85, 85),
    (255, 85, 85),
    (85, 255, 85),
    (255, 255, 85),
    (85, 85, 255),
    (255, 85, 255),
    (85, 255, 255),
    (255, 255, 255),
)
"""As Rich takes them to be, which picks the nearest; the terminal's theme has the last word."""
SIXTEEN_APART = 85
"""Between two levels of a colour among them."""


def _two_hundred_and_forty() -> list[tuple[int, int, int]]:
    """Of xterm's 256 colours those that nobody's theme changes: a cube, and greys.

    Source: xterm, 256colres.pl.
    """
    levels = (0, 95, 135, 175, 215, 255)
    cube = [(red, green, blue) for red in levels for green in levels for blue in levels]
    return [*cube, *((grey, grey, grey) for grey in range(8, 248, 10))]


_THRESHOLDS = (0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5)
"""Of four by four dots, in sixteenths. Source: Bayer 1973, "An optimum method for two-level
rendition of continuous-tone pictures": what stays the same in a video keeps its dots."""
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille pattern, by line and column. Source: the Unicode standard, U+2800."""


def _dotted(pixels: Image.Image, *, light: bool) -> tuple[tuple[Cell, ...], ...]:
    """Eight dots a cell, two by four."""
    grey = pixels.convert("L")
    if light:
        grey = ImageOps.invert(grey)
    lit = ImageChops.subtract(grey, _thresholds(grey.size)).tobytes()
    width = grey.width
    rows = [lit[start : start + width] for start in range(0, len(lit), width)]
    return tuple(
        tuple((_pattern(rows[y : y + 4], x), 0) for x in range(0, width, 2))
        for y in range(0, len(rows), 4)
    )


def _pattern(rows: Sequence[bytes], x: int) -> int:
    return sum(
        bit
        for row, bits in zip(rows, _DOTS, strict=True)
        for level, bit in zip(row[x : x + 2], bits, strict=True)
        if level
    )


@cache
def _thresholds(size: tuple[int, int]) -> Image.Image:
    tile = Image.frombytes("L", (4, 4), bytes(16 * level + 7 for level in _THRESHOLDS))
    whole = Image.new("L", size)
    for y in range(0, size[1], 4):
        for x in range(0, size[0], 4):
            whole.paste(tile, (x, y))
    return whole
