"""Logs of the daemon, the worker, or a job: followed while somebody looks, and filtered."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input, Log

from wantui.api.log import LogText
from wantui.errors import DaemonUnreachable, TimedOut, WantuiError
from wantui.log_lines import readable
from wantui.text import clean, one_line
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Tone
from wantui.tui.widgets.quiet import Quiet

if TYPE_CHECKING:
    from wantui.client import Client
    from wantui.tui.session import Session

POLL_S = 1.0
KEPT_LINES = 20_000
LONGEST_LINE = 4_000
MOST_PIECES = 16
"""Pieces that are read in one poll, so that a long log is soon at its end."""


class LogsScreen(AreaScreen):
    AREA = Area.LOGS
    BINDINGS = bindings(Area.LOGS)
    AUTO_FOCUS = "#log"

    def __init__(self) -> None:
        super().__init__()
        self._source = "daemon"
        self._offset: int | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._filter = ""
        self._timer: Timer | None = None

    def body(self) -> ComposeResult:
        with Horizontal(id="log-head"):
            yield Quiet(id="log-name")
            search = Input(placeholder="/ filter", compact=True, id="filter")
            search.cursor_blink = False
            yield search
        yield Log(id="log")

    def on_mount(self) -> None:
        self._timer = self.set_interval(POLL_S, self._poll)
        super().on_mount()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self._timer is not None:
            self._timer.resume()
            self._poll()

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()

    def draw(self, session: Session) -> None:  # noqa: ARG002 - a log is not state
        self._draw_name()

    def _draw_name(self) -> None:
        what = f"log of job {self._source}" if self._source.isdigit() else f"{self._source} log"
        follows = "following" if self._log.auto_scroll else "not following, f follows"
        count = f"{len(self._lines)} lines"
        if self._filter:
            count = f"{self._log.line_count} of {count}"
        self.query_one("#log-name", Quiet).say(
            (f"{one_line(what)}  ", Tone.STRONG), (f"{count}, {follows}", Tone.MUTED)
        )

    # --- reading ---

    def look_at(self, name: str) -> None:
        """Start over with another log."""
        self._source, self._offset = name, None
        self._lines.clear()
        self._log.clear()
        self._draw_name()
        self._poll()

    @work(group="log", exclusive=True)
    async def _poll(self) -> None:
        """What was written since the last look; quiet while there is no daemon."""
        session = self.wantui.session
        if session is None or session.state.stale:
            return
        try:
            for _ in range(MOST_PIECES):
                piece = await session.bridge.call(self._next_piece)
                self._take(piece)
                if piece.next_offset == piece.offset:
                    return
        except (DaemonUnreachable, TimedOut):
            return
        except WantuiError as error:
            self.tell(f"✗ {error.message}", Tone.BAD)

    async def _next_piece(self, client: Client) -> LogText:
        return await client.log(self._source, self._offset)

    def _take(self, piece: LogText) -> None:
        if piece.name != self._source:
            return
        if self._offset is not None and piece.offset < self._offset:  # it was rotated
            self._add(["--- the log starts over ---"])
        self._offset = piece.next_offset
        self._add(cleaned_lines(piece.text))

    def _add(self, lines: list[str]) -> None:
        if not lines:
            return
        self._lines.extend(lines)
        self._log.write_lines(self._matching(lines))
        self._draw_name()

    def _matching(self, lines: Iterable[str]) -> list[str]:
        wanted = self._filter.casefold()
        return [line for line in lines if wanted in line.casefold()] if wanted else list(lines)

    # --- actions ---

    def action_source(self, source: str) -> None:
        session = self.wantui.session
        if source != "job":
            self.look_at(source)
        elif session is not None and (newest := max(session.state.jobs, default=None)):
            self.look_at(str(newest))
        else:
            self.tell("no job yet: press 1 and write a prompt")

    def action_filter(self) -> None:
        self.query_one("#filter", Input).focus()

    def action_leave(self) -> None:
        field = self.query_one("#filter", Input)
        if field.has_focus:
            field.value = ""
        self._log.focus()

    def action_follow(self) -> None:
        self._log.auto_scroll = not self._log.auto_scroll
        if self._log.auto_scroll:
            self._log.scroll_end(animate=False)
        self._draw_name()

    @on(Input.Changed, "#filter")
    def filter_changed(self, event: Input.Changed) -> None:
        self._filter = event.value
        self._log.clear().write_lines(self._matching(self._lines), scroll_end=True)
        self._draw_name()

    @on(Input.Submitted, "#filter")
    def filter_done(self) -> None:
        self._log.focus()

    @property
    def _log(self) -> Log:
        return self.query_one(Log)


def cleaned_lines(text: str) -> list[str]:
    """Lines that a terminal can show, as people read them: no escapes, none endless."""
    lines = [shown for line in text.splitlines() for shown in readable(line).splitlines()]
    return [clean(line)[:LONGEST_LINE] for line in lines]
