"""A picture, or an animation, in half cells: decoded aside, and painted only where it changed."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from wantui.errors import InvalidImage
from wantui.text import one_line
from wantui.tui.driver import is_behind
from wantui.tui.latest import run_latest

if TYPE_CHECKING:
    from wantui.tui.mosaic import Cell, Depth, Film, Mosaic

HALF = "▀"
NO_DOTS = 0x2800
"""The braille pattern without any."""
PIECE = 16
"""Cells of dots in one segment: the least that is painted."""


class Picture(Widget):
    """Shows the bytes of a PNG, JPEG or WebP in the middle of its room, or a note instead.

    It costs nothing while nothing changes. An animation stands still until `play`. `plain` asks for
    dots instead of colours: a tenth of the bytes. Pillow is imported when there is something to
    decode.
    """

    DEFAULT_CSS = """
    Picture { height: 1fr; width: 1fr; }
    """

    class Changed(Message):
        """Another picture or frame is shown, or none."""

        def __init__(self, picture: Picture) -> None:
            super().__init__()
            self.picture = picture

        @property
        def control(self) -> Picture:
            return self.picture

    def __init__(
        self,
        note: str = "",
        *,
        plain: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.film: Film | None = None
        """What is shown; None while there is nothing to see."""
        self.frame = 0
        """The one of the film's frames that is shown."""
        self.loops = True
        """Whether playing goes on from the start."""
        self._content: bytes | None = None
        self._note = note
        self._problem = ""
        """Why the content cannot be shown."""
        self._plain = plain
        self._drawn_for: tuple[object, ...] | None = None
        self._timer: Timer | None = None

    def show(self, content: bytes | None, note: str = "") -> None:
        """Show this; without content, or until it is decoded, the note."""
        note = one_line(note)
        if (content, note) == (self._content, self._note):
            return
        self._content, self._note, self._problem = content, note, ""
        self._drawn_for = None
        if content is None:
            self.pause()
            self._replace(None)
        else:
            self._decode_soon()

    @property
    def plain(self) -> bool:
        return self._plain

    @plain.setter
    def plain(self, plain: bool) -> None:
        self._plain = plain
        self._decode_soon()

    # --- playing ---

    @property
    def playing(self) -> bool:
        return self._timer is not None

    def play(self, fps: float) -> None:
        """From the frame that is shown, or from the first if that is the last."""
        self.pause()
        if self.film is None or len(self.film.frames) < 2:
            return
        if not self.loops and self.frame == len(self.film.frames) - 1:
            self.turn_to(0)
        self._timer = self.set_interval(1 / fps, self._turn)

    def pause(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def turn_to(self, frame: int) -> None:
        """Show another frame; past the end it goes on from the start, and the other way round."""
        if self.film is None:
            return
        before, self.frame = self.film.frames[self.frame], frame % len(self.film.frames)
        self._paint_over(before)
        self.post_message(self.Changed(self))

    def _turn(self) -> None:
        """The next frame; none is painted that cannot be seen, nor before the last one is."""
        if self.film is None or self.app.screen is not self.screen or is_behind(self.app):
            return
        if self.frame == len(self.film.frames) - 1 and not self.loops:
            self.pause()
            self.post_message(self.Changed(self))
        else:
            self.turn_to(self.frame + 1)

    # --- decoding ---

    def on_resize(self) -> None:
        self._decode_soon()

    def _decode_soon(self) -> None:
        if self._content is not None and all(self.size) and self.is_attached:
            wanted = (self._content, self.size, self._plain)
            if wanted != self._drawn_for:
                self._drawn_for = wanted
                run_latest(self, "decode", self._decode, self._content, wanted)

    async def _decode(self, content: bytes, wanted: tuple[object, ...]) -> None:
        from wantui.tui.mosaic import film  # noqa: PLC0415 - with Pillow, when looked at

        room, light = (self.size.width, self.size.height), not self.app.current_theme.dark
        try:
            new: Film | None = await asyncio.to_thread(
                film, content, room, self._depth(), light=light
            )
        except InvalidImage as error:
            self._problem, new = one_line(error.message), None
        if wanted == self._drawn_for:
            self._replace(new)

    def _depth(self) -> Depth:
        """Of the terminal, as Rich found it."""
        from wantui.tui.mosaic import Depth  # noqa: PLC0415 - as above

        if self._plain or self.app.no_color:
            return Depth.DOTS
        known = {"truecolor": Depth.TRUE, "256": Depth.EIGHT_BIT}
        return known.get(self.app.console.color_system or "", Depth.SIXTEEN)

    def _replace(self, new: Film | None) -> None:
        before = self._shown
        self.film = new
        self.frame = min(self.frame, len(new.frames) - 1) if new else 0
        if before and new and before.room == new.room and before.depth is new.frames[0].depth:
            self._paint_over(before)
        else:
            self.refresh()
        self.post_message(self.Changed(self))

    # --- painting ---

    @property
    def _shown(self) -> Mosaic | None:
        return self.film.frames[self.frame] if self.film else None

    def _corner(self, mosaic: Mosaic) -> tuple[int, int]:
        """Column and line of a mosaic in the middle; the room may just have become smaller."""
        columns, lines = mosaic.room
        return max(self.size.width - columns, 0) // 2, max(self.size.height - lines, 0) // 2

    def _paint_over(self, before: Mosaic) -> None:
        """Repaint the cells in which the frame that is shown differs from one before it."""
        from wantui.tui.mosaic import changed  # noqa: PLC0415 - as above

        if (now := self._shown) is not None:
            left, top = self._corner(now)
            spans = changed(before, now)
            regions = [Region(left + first, top + line, width, 1) for line, first, width in spans]
            if regions:  # none would be all
                self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width, ground = self.size.width, self.rich_style
        mosaic = self._shown
        if mosaic is None:
            return self._note_line(y, width, ground)
        left, top = self._corner(mosaic)
        if not 0 <= y - top < len(mosaic.lines):
            return Strip.blank(width, ground)
        cells = _segments(mosaic.lines[y - top], mosaic.depth, ground)
        strip = Strip([Segment(" " * left, ground), *cells], left + mosaic.room[0])
        return strip.adjust_cell_length(width, ground)

    def _note_line(self, y: int, width: int, ground: Style) -> Strip:
        note = self._problem or self._note
        if y != self.size.height // 2 or not note:
            return Strip.blank(width, ground)
        note = set_cell_size(note, min(cell_len(note), width))
        left = (width - cell_len(note)) // 2
        text = Segment(" " * left + note, ground + Style(dim=True))
        return Strip([text]).adjust_cell_length(width, ground)


def _segments(cells: tuple[Cell, ...], depth: Depth, ground: Style) -> list[Segment]:
    """A line of a mosaic, a segment a run."""
    from wantui.tui.mosaic import Depth, runs  # noqa: PLC0415 - as above

    if depth is Depth.DOTS:
        dots = "".join(chr(NO_DOTS + pattern) for pattern, _ in cells)
        return [Segment(dots[at : at + PIECE], ground) for at in range(0, len(dots), PIECE)]
    return [
        Segment((" " if upper == lower else HALF) * length, _style(upper, lower))
        for (upper, lower), length in runs(cells)
    ]


@lru_cache(maxsize=32_768)
def _style(upper: int, lower: int) -> Style:
    """The lower half is the ground; where both are one colour there is nothing above it."""
    below = _colour(lower)
    return Style(bgcolor=below) if upper == lower else Style(color=_colour(upper), bgcolor=below)


@lru_cache(maxsize=32_768)
def _colour(pixel: int) -> Color:
    from wantui.tui.mosaic import rgb  # noqa: PLC0415 - as above

    return Color.from_rgb(*rgb(pixel))
