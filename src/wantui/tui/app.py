"""The app: areas, keys and palette. What it knows of the daemon is in its session."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, runtime_checkable

from textual.app import App, SystemCommand
from textual.events import Event, Paste
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.timer import Timer

from wantui.errors import ExitCode, WantuiError
from wantui.paths import Paths
from wantui.text import clean, nearest
from wantui.tui.actions import bindings, jumps
from wantui.tui.areas import Area
from wantui.tui.driver import TerminalDriver
from wantui.tui.endings import Endings
from wantui.tui.help import help_facts
from wantui.tui.keys import Keys
from wantui.tui.leaving import leave_on_signals
from wantui.tui.screens.area import AreaScreen
from wantui.tui.screens.generate import GenerateScreen
from wantui.tui.themes import NAMES, first_theme, keep, theme_for
from wantui.tui.tone import Tone
from wantui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from wantui.api.job import Job
    from wantui.client import Client
    from wantui.tui.session import Session
    from wantui.tui.state import State

T = TypeVar("T")


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


class WantuiApp(App[int]):
    """Draws one area at a time; the session arrives after the first frame."""

    TITLE = "wantui"
    CSS_PATH = "wantui.tcss"
    BINDINGS = [*bindings(None), *jumps()]  # noqa: RUF012 - as Textual
    MODES: ClassVar = {area.value: partial(_open, area) for area in Area}
    DEFAULT_MODE = Area.GENERATE.value

    def __init__(self, paths: Paths) -> None:
        # Without colours the 16 that a terminal has are the ones that a filter can take away.
        super().__init__(TerminalDriver, ansi_color=True if "NO_COLOR" in os.environ else None)
        self.animation_level = "none"
        if (theme := first_theme(paths)) in self.available_themes:
            self.theme = theme
        self.session: Session | None = None
        self.failure: WantuiError | None = None
        self._paths = paths
        self._drawn_at = 0.0
        self._draw_is_due = False
        self._countdown: Timer | None = None
        self._endings = Endings()

    async def on_ready(self) -> None:
        """After the first frame: everything that takes a while to import."""
        leave_on_signals(asyncio.get_running_loop(), self._leave_now)
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        await self.area_screen.complete()
        from wantui.tui.session import Session  # noqa: PLC0415 - after the first frame

        try:
            self.session = Session(self._paths, self._changed)
        except WantuiError as error:
            self.failure = error
            self.exit(error.exit_code)
            return
        self.set_keymap(self.session.keys.own)
        self._settle_theme(self.session.settings.tui.theme)
        self._countdown = self.set_interval(1.0, self._tick, pause=True)
        self.session.bridge.paint_cached()
        self.run_worker(self.session.bridge.run(), name="bridge")

    def _settle_theme(self, setting: str) -> None:
        """The one that was asked for, if there is one; another that is chosen later is kept."""
        wanted = theme_for(self._paths, setting)
        if wanted in self.available_themes:
            self.theme = wanted
        else:
            near = nearest(setting, [*NAMES, *self.available_themes])
            hint = f": did you mean {near}?" if near else ""
            self.area_screen.tell(f"✗ no theme is called {setting}{hint}", Tone.BAD)
        self.theme_changed_signal.subscribe(
            self, lambda theme: keep(self._paths, setting, theme.name)
        )

    async def on_event(self, event: Event) -> None:
        """What is pasted may be anything: fields show what is in them as it is."""
        if isinstance(event, Paste):
            event.text = clean(event.text)
        await super().on_event(event)

    # --- state to screen ---

    def _changed(self, before: State, after: State) -> None:
        self._endings.note(before, after, self.area_screen.shows)
        if self._draw_is_due or self.session is None:
            return
        self._draw_is_due = True
        wait_s = self._drawn_at + self.session.refresh_s - time.monotonic()
        if wait_s > 0:
            self.set_timer(wait_s, self._draw)
        else:
            self.call_later(self._draw)

    def _draw(self) -> None:
        self._draw_is_due = False
        self._drawn_at = time.monotonic()
        self._tell_endings()
        for screen in self.screen_stack:
            if isinstance(screen, AreaScreen):
                screen.redraw()
            elif isinstance(screen, Panel):
                screen.refresh_facts()
        if self._countdown is not None and self.session is not None:
            (self._countdown.resume if self.session.retrying else self._countdown.pause)()

    def _tick(self) -> None:
        self.area_screen.redraw_header()

    def _tell_endings(self) -> None:
        """To those who look elsewhere. A toast takes 20 kB: too much for a slow line."""
        if self.session is None or (said := self._endings.take()) is None:
            return
        text, tone = said
        if self.session.low_bandwidth:
            self.area_screen.tell(text, tone)
        else:
            severity: SeverityLevel = "error" if tone is Tone.BAD else "information"
            self.notify(text, severity=severity, markup=False)

    # --- what screens use ---

    @property
    def area_screen(self) -> AreaScreen:
        """The area that is shown, below any dialog."""
        screen = self.screen_stack[0]
        assert isinstance(screen, AreaScreen)  # noqa: S101 - every mode starts with one
        return screen

    @property
    def keys(self) -> Keys:
        """The user's, once the settings are known."""
        return self.session.keys if self.session else Keys()

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

    async def generate_again(self, job: Job, *, vary: bool = False) -> None:
        """An earlier job in the generate screen, to be sent as it was or with another seed."""
        if self.session is not None:
            values, lost = await self.session.again(job, vary=vary)
            await self.generate_with(values)
            submit = self.keys.named("generate.submit")
            told = f"job {job.id} again{', with another seed' if vary else ''}: {submit} submits"
            self.area_screen.tell(f"{told}; not carried over: {lost}" if lost else told)

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
            self.area_screen.tell(f"✗ {error.told}", Tone.BAD)

    # --- actions ---

    async def action_area(self, area: str) -> None:
        if self.screen is self.area_screen:
            await self.switch_mode(area)

    async def action_jump(self, area: str) -> None:
        """Esc and an area's key at once: out of the field and there, or only out of a dialog."""
        if self.screen is self.area_screen:
            await self.switch_mode(area)
        else:
            self.simulate_key("escape")

    async def action_press(self, key: str) -> None:
        """A key of the last line was clicked."""
        self.simulate_key(key)

    def action_start_daemon(self) -> None:
        if self.session is not None and self.session.retrying:
            self.session.bridge.retry(start=True)

    def action_help(self) -> None:
        area, keys = self.area_screen.AREA, self.keys
        self.push_screen(Panel(f"keys of {area}", lambda: help_facts(area, keys)))

    async def action_quit(self) -> None:
        await self._leave(ExitCode.OK)

    def _leave_now(self, code: int) -> None:
        """Told by a signal: the terminal is given back as it was."""
        self.run_worker(self._leave(code))

    async def _leave(self, code: int) -> None:
        if self.session is not None:
            await asyncio.to_thread(self.session.save)
        self.exit(code)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's
        """The palette."""
        from wantui.tui.palette import commands  # noqa: PLC0415 - when looked at

        return commands(self)


def main() -> int:
    """Run until the user leaves; returns the exit code."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # Textual draws on stderr
        sys.stderr.write("error: the TUI needs a terminal\nhint: see: wantui --help\n")
        return ExitCode.USAGE
    app = WantuiApp(Paths.from_environment())
    code = app.run()
    if app.failure is not None:
        sys.stderr.write(f"error: {app.failure.message}\nhint: {app.failure.hint}\n")
        return app.failure.exit_code
    return app.return_code or code or ExitCode.OK
