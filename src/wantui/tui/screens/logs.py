"""Logs of the daemon, the worker, or a job: followed while somebody looks, and filtered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input

from wantui.api.log import LogText
from wantui.client import Client
from wantui.errors import DaemonUnreachable, TimedOut, WantuiError
from wantui.log_lines import Level
from wantui.text import one_line
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.log_book import Line, LogBook, read_lines
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.lines import Lines
from wantui.tui.widgets.panel import Panel
from wantui.tui.widgets.quiet import Quiet, joined

if TYPE_CHECKING:
    from wantui.tui.session import Session

POLL_S = 1.0
MOST_PIECES = 16
"""Pieces that are read in one poll, so that a long log is soon at its end."""
MOST_EARLIER = 32
"""Pieces that are read when somebody asks for what was before: 2 MiB."""
LEVELS = (Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR)


class LogsScreen(AreaScreen):
    AREA = Area.LOGS
    BINDINGS = bindings(Area.LOGS)
    AUTO_FOCUS = "#log"

    def __init__(self) -> None:
        super().__init__()
        self._source = "daemon"
        self._start: int | None = None
        """Where what is known begins in the file."""
        self._end: int | None = None
        """Where it ends."""
        self._book = LogBook()
        self._timer: Timer | None = None

    def body(self) -> ComposeResult:
        with Horizontal(id="log-head"):
            yield Quiet(id="log-name")
            search = Input(placeholder="/ filter", compact=True, id="filter")
            search.cursor_blink = False
            yield search
        yield Lines(self._book, id="log")

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
        self._draw_head()

    @on(Lines.Moved)
    def _draw_head(self) -> None:
        """What is shown of which log, and what a key does; the text is in the field beside it."""
        self.query_one("#log-name", Quiet).say(*joined(self._head()))

    def _head(self) -> list[Said]:
        what = f"log of job {self._source}" if self._source.isdigit() else f"{self._source} log"
        book, all_of_it = self._book, not self._start
        count = f"{len(book.lines)} lines" if all_of_it else f"last {len(book.lines)} lines"
        parts: list[Said] = [
            (one_line(what), Tone.STRONG),
            (f"{len(book.shown)} of {count}" if book.filtered else count, Tone.MUTED),
        ]
        if book.least is not Level.DEBUG:
            parts.append((f"{book.least}+", Tone.WARN))
        line = self._log.chosen
        if self._log.follows:
            parts.append(("following", Tone.MUTED))
        elif line is not None and line.job is not None:
            parts.append((f"{self.key('logs.open')}: job {line.job}", Tone.BUSY))
        else:
            parts.append((f"{self.key('logs.follow')} follows", Tone.MUTED))
        return parts

    # --- reading ---

    def look_at(self, name: str) -> None:
        """Start over with another log; the filters stay."""
        self._source, self._start, self._end = name, None, None
        self._book.clear()
        self._log.renew()
        self._poll()

    @work(group="log", exclusive=True)
    async def _poll(self) -> None:
        """What was written since the last look; quiet while there is no daemon."""
        for _ in range(MOST_PIECES):
            piece = await self._piece(self._next_piece)
            if piece is None or not self._take(piece):
                return

    @work(group="earlier", exclusive=True)
    async def _read_earlier(self) -> None:
        for _ in range(MOST_EARLIER):
            piece = await self._piece(self._piece_before)
            if piece is None or not self._take_before(piece):
                break
        self._draw_head()

    async def _piece(self, ask: Callable[[Client], Awaitable[LogText]]) -> LogText | None:
        """None without a daemon, and for a log that there is not, which is said."""
        session = self.wantui.session
        if session is None or session.state.stale:
            return None
        try:
            return await session.bridge.call(ask)
        except (DaemonUnreachable, TimedOut):
            return None
        except WantuiError as error:
            self.tell(f"✗ {error.message}", Tone.BAD)
            return None

    async def _next_piece(self, client: Client) -> LogText:
        return await client.log(self._source, self._end)

    async def _piece_before(self, client: Client) -> LogText:
        return await client.log(self._source, before=self._start or 0)

    def _take(self, piece: LogText) -> bool:
        """Whether there may be more."""
        if piece.name != self._source:
            return False
        if self._end is None:
            self._start = piece.offset
        elif piece.offset < self._end:
            self._add([Line("--- the log starts over ---", None, None)])
            self._start = 0  # of the new one: what was before it is elsewhere now
        self._end = piece.next_offset
        self._add(read_lines(piece.text, self._job))
        return piece.next_offset != piece.offset

    def _take_before(self, piece: LogText) -> bool:
        if piece.name != self._source or self._start is None or piece.next_offset != self._start:
            return False
        self._start = piece.offset
        self._log.added_before(self._book.add_before(read_lines(piece.text, self._job)))
        return piece.offset > 0

    def _add(self, lines: list[Line]) -> None:
        if lines:
            self._log.added(self._book.add(lines))

    @property
    def _job(self) -> int | None:
        """Whose log it is, if it is a job's."""
        return int(self._source) if self._source.isdigit() else None

    # --- actions ---

    def action_source(self, source: str) -> None:
        session = self.wantui.session
        if source != "job":
            self.look_at(source)
        elif session is not None and (newest := max(session.state.jobs, default=None)):
            self.look_at(str(newest))
        else:
            self.tell(f"no job yet: press {self.key('app.area.generate')} and write a prompt")

    @on(Lines.Opened)
    async def action_open(self) -> None:
        """The job that the line is about, in the queue; else the whole line."""
        if (line := self._log.chosen) is None:
            self.tell("move to a line first: j and k, or the arrows")
        elif line.job is None:
            self.app.push_screen(Panel("line", lambda: [("", (line.text, Tone.PLAIN))]))
        else:
            await self.wantui.show_job(line.job)

    def action_older(self) -> None:
        if self._start == 0:
            self.tell("this is the whole log")
        elif self._start is not None:
            self._read_earlier()

    @on(Lines.AtTop)
    def _at_top(self) -> None:
        if self._start:
            self._read_earlier()

    def action_level(self) -> None:
        """The next one, from everything to errors and around."""
        following = LEVELS[(LEVELS.index(self._book.least) + 1) % len(LEVELS)]
        self._book.of_level(following)
        self._log.renew()

    def action_filter(self) -> None:
        self.query_one("#filter", Input).focus()

    def action_leave(self) -> None:
        field = self.query_one("#filter", Input)
        if field.has_focus:
            field.value = ""
        self._log.focus()

    def action_follow(self) -> None:
        if self._log.follows:
            self._log.stay()
        else:
            self._log.follow()

    @on(Input.Changed, "#filter")
    def filter_changed(self, event: Input.Changed) -> None:
        self._book.narrow(event.value)
        self._log.renew()

    @on(Input.Submitted, "#filter")
    def filter_done(self) -> None:
        self._log.focus()

    @property
    def _log(self) -> Lines:
        return self.query_one(Lines)
