"""Aligned columns that fit the terminal, measured in cells rather than characters."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from wantui.text import one_line

GAP = "  "
MIN_FLEXIBLE = 8
"""Cells that the column which gives way keeps before the columns at the right do."""


class Colour(enum.Enum):
    """SGR codes of the terminal's own palette: ECMA-48, 8.3.117."""

    GREEN = "32"
    YELLOW = "33"
    RED = "31"
    CYAN = "36"
    DIM = "2"


@dataclass(frozen=True)
class Cell:
    text: str
    colour: Colour | None = None


@dataclass(frozen=True)
class Column:
    title: str
    right: bool = False
    flexible: bool = False
    """Gives way first when the terminal is narrow."""


def display_width(text: str) -> int:
    """Cells that a terminal gives to one line of clean text: UAX #11, combining marks for none."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis where something is missing."""
    if display_width(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        used += _cells(character)
        if used > width - 1:
            break
        kept += character
    return f"{kept}…" if width > 0 else ""


def table(
    heads: Sequence[Column],
    rows: Sequence[Sequence[str | Cell]],
    *,
    width: int | None,
    colours: bool,
) -> list[str]:
    """Lines of at most `width` cells; foreign text in cells is made one clean line."""
    body = [[_clean_cell(cell) for cell in row] for row in rows]
    grid = [[Cell(head.title) for head in heads], *body]
    widths = [max(display_width(row[at].text) for row in grid) for at in range(len(heads))]
    if width is not None:
        widths = _fitted(widths, heads, width)
    return [_line(row, heads, widths, colours=colours) for row in grid]


def paint(text: str, colour: Colour | None, *, colours: bool) -> str:
    """The text in a colour, if colours are wanted."""
    return f"\x1b[{colour.value}m{text}\x1b[0m" if colours and colour and text else text


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _clean_cell(cell: str | Cell) -> Cell:
    if isinstance(cell, Cell):
        return Cell(one_line(cell.text), cell.colour)
    return Cell(one_line(cell))


def _fitted(widths: list[int], heads: Sequence[Column], width: int) -> list[int]:
    """Narrow the flexible columns, then the others from the right, until the line fits."""
    fitted = list(widths)
    order = [at for at, head in enumerate(heads) if head.flexible]
    for at in order:
        fitted[at] -= min(max(_total(fitted) - width, 0), max(fitted[at] - MIN_FLEXIBLE, 0))
    for at in reversed(range(len(fitted))):
        excess = _total(fitted) - width
        if excess > 0:
            fitted[at] -= min(excess, fitted[at])
    return fitted


def _total(widths: Sequence[int]) -> int:
    """Cells of a line; a column of no width takes no gap either."""
    used = [one for one in widths if one > 0]
    return sum(used) + len(GAP) * max(len(used) - 1, 0)


def _line(
    row: Sequence[Cell], heads: Sequence[Column], widths: Sequence[int], *, colours: bool
) -> str:
    parts = []
    last = max((at for at, width in enumerate(widths) if width > 0), default=0)
    for at, (cell, head, width) in enumerate(zip(row, heads, widths, strict=True)):
        if width <= 0:
            continue
        text = cut(cell.text, width)
        padding = " " * (width - display_width(text))
        painted = paint(text, cell.colour, colours=colours)
        if head.right:
            parts.append(padding + painted)
        else:
            parts.append(painted if at == last else painted + padding)
    return GAP.join(parts)
