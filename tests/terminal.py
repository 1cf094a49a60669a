"""A pseudo-terminal of a given size with a process in it, as a terminal emulator makes one."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence


def start_in_terminal(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    columns: int = 80,
    lines: int = 24,
    data_too: bool = True,
) -> tuple[subprocess.Popen[bytes], int]:
    """The process, and the emulator's side: closing it hangs up, SIGHUP included.

    With `data_too` false, standard out is a pipe.
    """
    master, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
    process = subprocess.Popen(
        command,
        env={**environment, "TERM": "xterm-256color"},
        stdin=side,
        stdout=side if data_too else subprocess.PIPE,
        stderr=side,
        start_new_session=True,
        preexec_fn=_settle_in,  # noqa: PLW1509 - no threads yet
    )
    os.close(side)
    return process, master


def _settle_in() -> None:
    """The terminal is ours, and Ctrl-C works even where the tests run in a shell's background."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_terminal(master: int) -> bytes:
    """What was drawn since; empty once nothing has the terminal open any more."""
    try:
        return os.read(master, 65536)
    except OSError:  # Linux's end of file for a terminal
        return b""
