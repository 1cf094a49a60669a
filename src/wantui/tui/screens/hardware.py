"""Hardware: what the machine is and how it does, read once a second while somebody looks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.worker import Worker

from wantui.errors import DaemonUnreachable, TimedOut, WantuiError
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.gauges import about, devices
from wantui.tui.screens.area import AreaScreen
from wantui.tui.state import Learned
from wantui.tui.tone import Tone
from wantui.tui.widgets.gauges import Gauges
from wantui.tui.widgets.scroll import Scroll
from wantui.tui.widgets.what_fits import WhatFits

if TYPE_CHECKING:
    from wantui.tui.session import Session

RETRY_S = 2.0
"""How often it is seen to that the readings come."""
FITS_S = 10.0
"""How often it is asked again what fits: that changes as weights come and jobs teach."""


class HardwareScreen(AreaScreen):
    """What changes on the left, what is known on the right; below each other where it is narrow."""

    AREA = Area.HARDWARE
    BINDINGS = bindings(Area.HARDWARE)
    AUTO_FOCUS = "#machine"

    _timer: Timer | None = None
    _fits_timer: Timer | None = None
    _watching: Worker[None] | None = None

    def body(self) -> ComposeResult:
        with Scroll(id="machine"), Container(id="halves"):
            yield Gauges(id="devices")
            with Vertical(id="known"):
                yield Gauges(id="about")
                yield WhatFits(id="fits")

    def on_mount(self) -> None:
        super().on_mount()
        self._timer = self.set_interval(RETRY_S, self._see_to_readings)
        self._fits_timer = self.set_interval(FITS_S, self._look_what_fits)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self._timer is not None:
            self._timer.resume()
        self._see_to_readings()
        if self._fits_timer is not None:
            self._fits_timer.resume()
            self._look_what_fits()

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()
        if self._fits_timer is not None:
            self._fits_timer.pause()
        if self._watching is not None:
            self._watching.cancel()

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def draw(self, session: Session) -> None:
        state, wide = session.state, self.has_class("-wide")
        workers = state.live_workers
        rows = self.query_one("#machine").content_size.height if wide else 0
        known = devices(state.hardware, workers, short=not wide)
        self.query_one("#devices", Gauges).show(known, state.histories, rows)
        self.query_one("#about", Gauges).show(about(state.hardware, workers, short=not wide))

    def _see_to_readings(self) -> None:
        """That they come, if there is a daemon that can bring them."""
        session = self.wantui.session
        if session is None or session.state.stale or not self.is_current:
            return
        if self._watching is None or self._watching.is_finished:
            self._watching = self._watch(session)

    @work(group="hardware", exclusive=True)
    async def _watch(self, session: Session) -> None:
        """Until nobody looks; that the daemon is gone the header says already."""
        try:
            boot = session.bridge.boot
            async with contextlib.aclosing(session.bridge.client.watch_hardware()) as readings:
                async for hardware in readings:
                    session.dispatch(Learned(boot, (hardware,)))
        except (DaemonUnreachable, TimedOut):
            return
        except WantuiError as error:
            self.tell(f"✗ {error.message}", Tone.BAD)

    @work(group="fits", exclusive=True)
    async def _look_what_fits(self) -> None:
        """That it cannot be told is no news: the readings say so."""
        session = self.wantui.session
        if session is not None and not session.state.stale:
            with contextlib.suppress(WantuiError):
                self.query_one(WhatFits).show(await session.what_fits())
