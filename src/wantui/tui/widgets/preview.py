"""A running job as it comes along: a few frames in half cells, seldom enough for a line."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from wantui.api.job import Job
from wantui.tui.tone import Tone
from wantui.tui.widgets.picture import Picture
from wantui.tui.widgets.quiet import Quiet

if TYPE_CHECKING:
    from wantui.tui.mosaic import Film

EVERY_S = 2.0
"""How often there is something new to see, at the most."""
BYTES_A_SECOND = 768
"""What moving may cost on the wire, and new pictures as much again."""
BYTES_A_CELL = 10
"""Of a new picture, about, as measured with previews of the demo: half of its cells are runs."""
FASTEST, SLOWEST = 4.0, 1.0
"""Frames a second; what would have to move slower stands still."""

Look = Callable[[int], Awaitable[bytes | None]]
"""A job's preview as the daemon has it now; None if it has none."""


class Preview(Vertical):
    """Hidden while there is nothing to see."""

    DEFAULT_CSS = """
    Preview { display: none; padding: 0 1; }
    Preview.-seen { display: block; }
    Preview > Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._caption = Quiet()
        self._picture = Picture()
        self._wanted: tuple[int, int] | None = None
        """The job to be seen, and which of its previews."""
        self._seen: tuple[int, int] | None = None
        self._looking = False
        self._moving: Film | None = None

    def compose(self) -> ComposeResult:
        yield self._caption
        yield self._picture

    def follow(self, job: Job | None, look: Look) -> None:
        """Show how this job comes along; None shows nothing."""
        rev = job.progress.preview_rev if job and job.progress else 0
        self._wanted = (job.id, rev) if job and rev else None
        if self._wanted is None or (self._seen and self._seen[0] != self._wanted[0]):
            self._forget()
        if self._wanted not in (None, self._seen) and not self._looking:
            self._looking = True
            self.run_worker(self._look(look), group="preview")

    def _forget(self) -> None:
        self._seen = None
        self.remove_class("-seen")
        self._picture.show(None)

    async def _look(self, look: Look) -> None:
        """Fetch what is new until nothing is, and not too often."""
        try:
            while (wanted := self._wanted) is not None and wanted != self._seen:
                content = await look(wanted[0])
                if self._wanted is not None and self._wanted[0] == wanted[0]:
                    self._show(wanted, content)
                await asyncio.sleep(max(EVERY_S, self._cost() / BYTES_A_SECOND))
        finally:
            self._looking = False

    def _show(self, wanted: tuple[int, int], content: bytes | None) -> None:
        self._seen = wanted
        if content is not None:
            self._caption.say((f"job {wanted[0]} as it comes along", Tone.MUTED))
            self._picture.show(content)
            self.add_class("-seen")

    def _cost(self) -> float:
        """Bytes of a new picture."""
        film = self._picture.film
        return BYTES_A_CELL * math.prod(film.room) if film else 0.0

    @on(Picture.Changed)
    def _move(self) -> None:
        """As fast as the line allows, whenever there is another film."""
        film = self._picture.film
        if film is self._moving:
            return
        self._moving = film
        self._picture.pause()
        if film is not None and (fps := affordable_fps(film.fps, film.frame_bytes)):
            self._picture.play(fps)


def affordable_fps(fps: float, frame_bytes: float) -> float:
    """How fast frames that cost so much may follow one another; 0 where they had better stand."""
    affordable = min(FASTEST, fps, BYTES_A_SECOND / max(frame_bytes, 1.0))
    return affordable if affordable >= SLOWEST else 0.0
