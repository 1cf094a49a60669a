"""Hardware: what NVML and psutil say, asked again only while somebody looks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.timer import Timer

from wantui.errors import DaemonUnreachable, TimedOut, WantuiError
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.gauges import gauges
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Tone
from wantui.tui.widgets.gauges import Gauges
from wantui.tui.widgets.what_fits import WhatFits

if TYPE_CHECKING:
    from wantui.tui.session import Session

POLL_S = 2.0
FITS_S = 10.0
"""How often it is asked again what fits: that changes when weights come, or LoRAs, or settings."""


class HardwareScreen(AreaScreen):
    AREA = Area.HARDWARE
    BINDINGS = bindings(Area.HARDWARE)
    AUTO_FOCUS = "#machine"

    _timer: Timer | None = None
    _fits_timer: Timer | None = None

    def body(self) -> ComposeResult:
        with VerticalScroll(id="machine"):
            yield Gauges()
            yield WhatFits()

    def on_mount(self) -> None:
        super().on_mount()
        self._timer = self.set_interval(POLL_S, self._poll)
        self._fits_timer = self.set_interval(FITS_S, self._look_what_fits)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self._timer is not None:
            self._timer.resume()
            self._poll()
        if self._fits_timer is not None:
            self._fits_timer.resume()
            self._look_what_fits()

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()
        if self._fits_timer is not None:
            self._fits_timer.pause()

    def draw(self, session: Session) -> None:
        state = session.state
        self.query_one(Gauges).show(gauges(state.hardware, state.live_workers))

    @work(group="hardware", exclusive=True)
    async def _poll(self) -> None:
        """Ask once more; that the daemon is gone the header says already."""
        session = self.wantui.session
        if session is not None and not session.state.stale:
            try:
                await session.ask(lambda client: client.hardware())
            except (DaemonUnreachable, TimedOut):
                return
            except WantuiError as error:
                self.tell(f"✗ {error.message}", Tone.BAD)

    @work(group="fits", exclusive=True)
    async def _look_what_fits(self) -> None:
        session = self.wantui.session
        if session is not None and not session.state.stale:
            with contextlib.suppress(WantuiError):
                self.query_one(WhatFits).show(await session.what_fits())
