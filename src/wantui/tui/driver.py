"""Textual's driver, for a terminal that goes away and a process that is stopped from outside.

A terminal that hangs up sends SIGHUP, then SIGCONT, and fails whatever is written from then on.
"""

from __future__ import annotations

import contextlib
from io import TextIOWrapper
from typing import TextIO, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from wantui.tui.areas import Area

ESCAPE = "\x1b"


class Outlet:
    """A terminal to draw on; once it is gone, it takes all there is and shows nothing.

    Textual's loop waits for the thread that writes here, which must not end before the loop does.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._terminal.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._terminal.flush()

    def fileno(self) -> int:
        return self._terminal.fileno()


def let_areas_be_jumped_to() -> None:
    """Have esc and an area's key, typed at once, be alt and that key, as terminals mean it.

    Textual's table takes them for the signs that a Mac's option key types: a 2 becomes a ™.
    """
    known = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
    for area in Area:
        known.pop(ESCAPE + area.key, None)


def is_behind(app: App[object]) -> bool:
    """Whether the terminal has not yet taken what was drawn: a slow line is not fed faster."""
    driver = app._driver  # noqa: SLF001 - Textual has no other way to it
    return isinstance(driver, TerminalDriver) and driver.is_behind


class TerminalDriver(LinuxDriver):
    """Leaves the terminal's modes alone on a SIGCONT without a suspension before it.

    Textual would enter its modes a second time: two threads read the keys, and the terminal that
    is given back at the end is the one in raw mode.
    """

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        let_areas_be_jumped_to()
        assert self._file is not None  # noqa: S101 - main() saw a terminal there
        self._file = cast("TextIOWrapper", Outlet(self._file))
        self._suspended = False

    def suspend_application_mode(self) -> None:
        self._suspended = True
        super().suspend_application_mode()

    def resume_application_mode(self) -> None:
        if self._suspended:
            self._suspended = False
            super().resume_application_mode()

    @property
    def is_behind(self) -> bool:
        return self._writer_thread is not None and not self._writer_thread._queue.empty()  # noqa: SLF001 - as above
