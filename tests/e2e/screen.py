"""What a person sees: a terminal emulator's screen with a program in it, and a keyboard."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence

import pyte

from tests.terminal import read_terminal, start_in_terminal

PATIENCE_S = 60.0


class Screen:
    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], columns: int, lines: int
    ) -> None:
        self.process, self._master = start_in_terminal(
            command, environment, columns=columns, lines=lines
        )
        self._open = True
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def shows(self, *wanted: str) -> None:
        """Wait until all of it stands on the screen at once."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(words in self.text for words in wanted):
            left = deadline - time.monotonic()
            assert left > 0, f"never together: {wanted}\n{self.text}"
            if select.select([self._master], [], [], left)[0]:
                piece = read_terminal(self._master)
                assert piece, f"it ended before {wanted}\n{self.text}"
                self._stream.feed(piece)

    def shows_raw(self, *wanted: bytes) -> None:
        """Wait until the terminal has been sent all of it."""
        seen = b""
        while not all(code in seen for code in wanted):
            piece = read_terminal(self._master)
            assert piece, f"it ended before {wanted}"
            seen += piece

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Meanwhile nothing is taken that the program draws, as after Ctrl-S."""
        side = os.open(f"/proc/{self.process.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        termios.tcflow(side, termios.TCOOFF)
        try:
            yield
        finally:
            termios.tcflow(side, termios.TCOON)
            os.close(side)

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, as it does for a shell."""
        local_modes: int = termios.tcgetattr(self._master)[3]
        return bool(local_modes & termios.ECHO)

    def ends(self) -> int:
        """Wait until the program has ended, and its exit status."""
        while read_terminal(self._master):
            pass
        return self.process.wait(PATIENCE_S)

    def hang_up(self) -> None:
        """The window is closed, or the line is gone: whatever runs in it gets SIGHUP."""
        os.close(self._master)
        self._open = False
        self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self._open:
            os.close(self._master)
        if self.process.poll() is None:
            self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def screen_of(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, lines: int = 24
) -> Iterator[Screen]:
    screen = Screen(command, environment, columns, lines)
    try:
        yield screen
    finally:
        screen.close()
