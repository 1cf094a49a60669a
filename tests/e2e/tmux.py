"""A tmux server of one's own, with one window: what it shows, and a keyboard."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

PATIENCE_S = 60.0
POLL_S = 0.05
TMUX = shutil.which("tmux")


class Window:
    def __init__(self, socket: Path, environment: Mapping[str, str]) -> None:
        self._socket = socket
        self._environment = dict(environment)

    @property
    def text(self) -> str:
        """As a person sees it."""
        return self.tmux("capture-pane", "-p")

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """By tmux's names: Escape, C-s, Enter."""
        self.tmux("send-keys", *keys)

    def resize(self, columns: int, lines: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def shows(self, *wanted: str) -> None:
        """Wait until all of it stands there at once."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(words in (shown := self.text) for words in wanted):
            assert time.monotonic() < deadline, f"never together: {wanted}\n{shown}"
            time.sleep(POLL_S)

    def tmux(self, *command: str) -> str:
        return subprocess.run(
            ["tmux", "-f", "/dev/null", "-S", str(self._socket), *command],
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout


@contextlib.contextmanager
def window_of(
    folder: Path, environment: Mapping[str, str], *, columns: int = 80, lines: int = 24
) -> Iterator[Window]:
    """With a shell in it that controls jobs."""
    window = Window(folder / "tmux", {**environment, "PS1": "shell> ", "ENV": ""})
    size = ("-x", str(columns), "-y", str(lines))
    window.tmux("new-session", "-d", *size, "sh", "-i")
    try:
        yield window
    finally:
        window.tmux("kill-server")
