"""The app: areas, keys and palette. What it knows of the daemon is in its session."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, runtime_checkable

from textual.app import App, SystemCommand
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.timer import Timer

from wantui.errors import ExitCode, WantuiError
from wantui.text import one_line
from wantui.tui.actions import bindings, of
from wantui.tui.areas import Area
from wantui.tui.driver import TerminalDriver
from wantui.tui.screens.area import AreaScreen
from wantui.tui.screens.generate import GenerateScreen
from wantui.tui.tone import Fact, Tone
from wantui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from wantui.api.job import Job
    from wantui.client import Client
    from wantui.paths import Paths
    from wantui.tui.session import Session
    from wantui.tui.state import State

T = TypeVar("T")
THEMES = {"ansi": "ansi-dark"}
"""Our names of Textual's themes."""


def _open(area: Area) -> AreaScreen:
    """A new screen of an area; all but the first are imported when they are first looked at."""
    if area is Area.GENERATE:
        return GenerateScreen()
    from wantui.tui.screens import gallery, hardware, logs, models, queue  # noqa: PLC0415 - when looked at

    screens: dict[Area, type[AreaScreen]] = {
        Area.QUEUE: queue.QueueScreen,
        Area.MODELS: models.ModelsScreen,
        Area.HARDWARE: hardware.HardwareScreen,
        Area.GALLERY: gallery.GalleryScreen,
        Area.LOGS: logs.LogsScreen,
    }
    return screens[area]()


@runtime_checkable
class ShowsLogs(Protocol):
    """The logs screen, which is not imported before it is needed."""

    def look_at(self, name: str) -> None: ...


@runtime_checkable
class ShowsJobs(Protocol):
    """The queue screen, likewise."""

    def look_at_job(self, job_id: int) -> None: ...


LEAVE_S = 5.0
"""How long the TUI may take to leave once it is told to."""


class WantuiApp(App[int]):
    """Draws one area at a time; the session arrives after the first frame."""

    TITLE = "wantui"
    CSS_PATH = "wantui.tcss"
    BINDINGS = bindings(None)
    MODES: ClassVar = {area.value: partial(_open, area) for area in Area}
    DEFAULT_MODE = Area.GENERATE.value

    def __init__(self, paths: Paths | None = None) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.animation_level = "none"
        self.session: Session | None = None
        self.failure: WantuiError | None = None
        self._paths = paths
        self._drawn_at = 0.0
        self._draw_is_due = False
        self._countdown: Timer | None = None
        self._ended: list[Job] = []
        """Jobs that ended since the last draw, out of sight."""

    async def on_ready(self) -> None:
        """After the first frame: everything that takes a while to import."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda told, _frame: self._leave_soon(loop, told))
        await self.area_screen.complete()
        from wantui.paths import Paths  # noqa: PLC0415 - after the first frame
        from wantui.tui.session import Session  # noqa: PLC0415 - as above

        try:
            self.session = Session(self._paths or Paths.from_environment(), self._changed)
        except WantuiError as error:
            self.failure = error
            self.exit(error.exit_code)
            return
        self._set_theme(self.session.settings.tui.theme)
        self._countdown = self.set_interval(1.0, self._tick, pause=True)
        self.session.bridge.paint_cached()
        self.run_worker(self.session.bridge.run(), name="bridge")

    # --- state to screen ---

    def _changed(self, before: State, after: State) -> None:
        self._note_ended(before, after)
        if self._draw_is_due or self.session is None:
            return
        self._draw_is_due = True
        wait_s = self._drawn_at + self.session.settings.tui.refresh_s - time.monotonic()
        if wait_s > 0:
            self.set_timer(wait_s, self._draw)
        else:
            self.call_later(self._draw)

    def _draw(self) -> None:
        self._draw_is_due = False
        self._drawn_at = time.monotonic()
        self._toast()
        for screen in self.screen_stack:
            if isinstance(screen, AreaScreen):
                screen.redraw()
            elif isinstance(screen, Panel):
                screen.refresh_facts()
        if self._countdown is not None and self.session is not None:
            (self._countdown.resume if self.session.retrying else self._countdown.pause)()

    def _tick(self) -> None:
        self.area_screen.redraw_header()

    def _note_ended(self, before: State, after: State) -> None:
        if before.jobs is after.jobs:
            return
        for id, job in after.jobs.items():
            known = before.jobs.get(id)
            ended = known and not known.state.finished and job.state.finished
            if ended and not self.area_screen.shows(id):
                self._ended.append(job)

    def _toast(self) -> None:
        """Say that jobs ended, to those who look elsewhere: once for all that ended together."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        if len(ended) == 1:
            text = f"job {ended[0].id} {ended[0].state}: {one_line(ended[0].params.prompt, 60)}"
        else:
            counts = Counter(job.state for job in ended)
            text = "jobs: " + ", ".join(f"{count} {state}" for state, count in counts.items())
        severity: SeverityLevel = "error" if any(job.error for job in ended) else "information"
        self.notify(text, severity=severity, markup=False)

    def _leave_soon(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        """By the loop, or without it: a terminal that takes nothing is not given back, ever."""
        loop.call_soon_threadsafe(self._told_to_leave, number)
        overdue = threading.Timer(LEAVE_S, os._exit, (128 + number,))
        overdue.daemon = True
        overdue.start()

    def _told_to_leave(self, number: int) -> None:
        """By a signal: the terminal is given back as it was."""
        self.run_worker(self._leave(128 + number))

    # --- what screens use ---

    @property
    def area_screen(self) -> AreaScreen:
        """The area that is shown, below any dialog."""
        screen = self.screen_stack[0]
        assert isinstance(screen, AreaScreen)  # noqa: S101 - every mode starts with one
        return screen

    def request(
        self,
        ask: Callable[[Client], Awaitable[T]],
        then: Callable[[T], None] | None = None,
    ) -> None:
        """Ask the daemon; a refusal is said in the last line."""
        self.work(self._request(ask, then))

    def work(self, task: Awaitable[object]) -> None:
        """Run it; a refusal is said in the last line."""
        self.run_worker(self._guarded(task), group="requests")

    def load_older(self, *, clips: bool) -> None:
        """A page of history more."""
        self.work(self._older(clips=clips))

    async def _older(self, *, clips: bool) -> None:
        if self.session is not None:
            count = await self.session.load_older(clips=clips)
            self.area_screen.tell(f"{count} older jobs" if count else "there are no older ones")

    async def show_log(self, name: str) -> None:
        await self.switch_mode(Area.LOGS)
        if isinstance(screen := self.area_screen, ShowsLogs):
            screen.look_at(name)

    async def show_job(self, job_id: int) -> None:
        """Go to a job in the queue, however old it is; a job that there is not is said."""
        if self.session is not None:
            await self._guarded(self._job_shown(self.session, job_id))

    async def _job_shown(self, session: Session, job_id: int) -> None:
        if job_id not in session.state.jobs:
            await session.ask(lambda client: client.job(job_id))
        await self.switch_mode(Area.QUEUE)
        if isinstance(screen := self.area_screen, ShowsJobs):
            screen.look_at_job(job_id)

    async def generate_with(self, values: Mapping[str, str], *, only_model: bool = False) -> None:
        """Go to the generate screen with these values typed in."""
        await self.switch_mode(Area.GENERATE)
        if isinstance(screen := self.area_screen, GenerateScreen):
            if only_model:
                screen.choose_model(values["model"])
            else:
                screen.fill(values)

    async def _request(
        self, ask: Callable[[Client], Awaitable[T]], then: Callable[[T], None] | None
    ) -> None:
        if self.session is not None:
            reply = await self.session.ask(ask)
            if then is not None:
                then(reply)

    async def _guarded(self, task: Awaitable[object]) -> None:
        try:
            await task
        except WantuiError as error:
            hint = f"; {error.hint}" if error.hint else ""
            self.area_screen.tell(f"✗ {error.message}{hint}", Tone.BAD)

    # --- actions ---

    async def action_area(self, area: str) -> None:
        if self.screen is self.area_screen:
            await self.switch_mode(area)

    async def action_press(self, key: str) -> None:
        """A key of the last line was clicked."""
        self.simulate_key(key)

    def action_start_daemon(self) -> None:
        if self.session is not None and self.session.retrying:
            self.session.bridge.retry(start=True)

    def action_help(self) -> None:
        area = self.area_screen.AREA
        self.push_screen(Panel(f"keys of {area}", lambda: help_facts(area)))

    async def action_quit(self) -> None:
        await self._leave(ExitCode.OK)

    async def _leave(self, code: int) -> None:
        if self.session is not None:
            await asyncio.to_thread(self.session.save)
        self.exit(code)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's
        """The palette: every action of this area and those of everywhere."""
        area = self.area_screen
        for action in (*of(area.AREA), *of(None)):
            if action.name != "command_palette":
                target = area if action.area else self
                yield SystemCommand(
                    f"{action.area or 'wantui'}: {action.word}",
                    f"{action.sentence}  ({action.shown_key})",
                    lambda call=action.name, target=target: self.run_action(call, target),
                )
        yield SystemCommand("wantui: theme", "Choose other colours", self.action_change_theme)

    def _set_theme(self, name: str) -> None:
        wanted = THEMES.get(name, name)
        if wanted in self.available_themes:
            self.theme = wanted
        else:
            self.area_screen.tell(f"✗ no theme is called {name}", Tone.BAD)


def help_facts(area: Area) -> Iterable[Fact]:
    """The keys of one area, then those of everywhere."""
    for action in of(area):
        yield action.shown_key, (action.sentence, Tone.PLAIN)
    yield "", ("", Tone.PLAIN)
    yield "j k g G", ("Move in lists, as arrows, home and end do", Tone.PLAIN)
    yield "tab", ("The next part of the screen", Tone.PLAIN)
    for action in of(None):
        yield action.shown_key, (action.sentence, Tone.PLAIN)


def main() -> int:
    """Run until the user leaves; returns the exit code."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # Textual draws on stderr
        sys.stderr.write("error: the TUI needs a terminal\nhint: see: wantui --help\n")
        return ExitCode.USAGE
    app = WantuiApp()
    code = app.run()
    if app.failure is not None:
        sys.stderr.write(f"error: {app.failure.message}\nhint: {app.failure.hint}\n")
        return app.failure.exit_code
    return app.return_code or code or ExitCode.OK
