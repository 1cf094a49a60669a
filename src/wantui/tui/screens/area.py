"""What the six areas share: header, body, keys, and how they are drawn from the state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static

from wantui.tui.areas import Area
from wantui.tui.spans import SpanCompositor
from wantui.tui.tone import Tone
from wantui.tui.widgets.header import Header
from wantui.tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from wantui.tui.app import WantuiApp
    from wantui.tui.session import Session

TOO_SMALL = "terminal too small\nwantui needs 60 x 15"


class AreaScreen(Screen[None]):
    """One area. Subclasses say what is in the body, and draw it from a State."""

    AREA: ClassVar[Area]
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (15, "-low"), (34, "-high")]  # noqa: RUF012 - as Textual

    def __init__(self) -> None:
        super().__init__()
        self._compositor = SpanCompositor()

    def compose(self) -> ComposeResult:
        yield Header(self.AREA)
        with Container(id="body"):
            yield from self.body()
        yield KeyBar(self.AREA)
        yield Static(TOO_SMALL, id="too-small", markup=False)

    def body(self) -> ComposeResult:
        """The widgets between header and keys."""
        raise NotImplementedError

    async def complete(self) -> None:
        """Mount what may come after the first frame."""

    def draw(self, session: Session) -> None:
        """Bring the body up to date; widgets repaint only what changed."""
        raise NotImplementedError

    def shows(self, job_id: int) -> bool:  # noqa: ARG002 - for subclasses
        """Whether this screen tells how a job ends, so that nothing else has to."""
        return False

    @property
    def wantui(self) -> WantuiApp:
        return cast("WantuiApp", self.app)

    def on_mount(self) -> None:
        self.redraw()

    def on_screen_resume(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Everything from the state as it is now, once there is a session."""
        if (session := self.wantui.session) is None or not self.is_mounted:
            return
        self.redraw_header()
        self.query_one(KeyBar).remap(session.keys)
        self.set_class(session.state.stale, "-stale")
        self.draw(session)

    def redraw_header(self) -> None:
        """Only the countdown: it goes on while an area is still being put together."""
        if (session := self.wantui.session) is not None:
            for header in self.query(Header):
                header.show(session.headline(time.monotonic()))

    def key(self, action: str) -> str:
        """What to press for the action of that id, as a sentence says it."""
        return self.wantui.keys.named(action)

    def tell(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Say what happened in the last line, once there is one."""
        for last_line in self.query(KeyBar):
            last_line.tell(text, tone)
