"""The TUI on a real pseudo-terminal: its first content, and what it sends down a line."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from row import RunningDaemon, median, row, running_daemon

RUNS = 7
PATIENCE_S = 30.0
WATCHED_S = 10.0
WANTUI = (sys.executable, "-m", "wantui")
FIRST_CONTENT = b"hat should be seen?"  # the cursor is on its first letter
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("What should be seen?")
Bare().run()
"""
LONG_JOB = {"prompt": "long", "model": "demo", "size": "256x256", "frames": 33, "steps": 100}


SIZES = ((80, 24), (120, 40))
OVER_SSH = {"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22"}
"""For a client that takes its line for a slow one."""


class Terminal:
    """What runs in a terminal, and all that was drawn on it."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.seen = b""

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def until(self, wanted: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while wanted not in self.seen:
            if time.monotonic() > deadline:
                sys.exit(f"never drawn: {wanted!r}")
            self.watch(0.5, once=True)

    def watch(self, seconds: float, *, once: bool = False) -> int:
        """How many bytes come in that time; with `once` it ends at the first."""
        before = len(self.seen)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                self.seen += os.read(self._master, 65536)
                if once:
                    break
        return len(self.seen) - before


@contextmanager
def in_terminal(
    command: tuple[str, ...], environment: Mapping[str, str], size: tuple[int, int] = SIZES[0]
) -> Iterator[Terminal]:
    """`size` is columns and lines."""
    master, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        command,
        env={**environment, "TERM": "xterm-256color"},
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    )
    os.close(side)
    try:
        yield Terminal(master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def first_content_s(command: tuple[str, ...], environment: Mapping[str, str]) -> float:
    began = time.perf_counter()
    with in_terminal(command, environment) as terminal:
        terminal.until(FIRST_CONTENT)
        return time.perf_counter() - began


def measure_first_content(daemon: RunningDaemon) -> None:
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(RUNS):  # in turns, so that what else the machine does hits both
        ours.append(first_content_s(WANTUI, daemon.environment))
        bare.append(first_content_s((sys.executable, "-c", BARE), daemon.environment))
    row(
        "TUI first content vs a bare Textual app, 80x24",
        f"{median(ours):.2f} s",
        f"{median(bare):.2f} s",
        f"+{median(ours) - median(bare):.2f} s",
        "+0.2 s",
    )


def measure_wire(
    daemon: RunningDaemon, size: tuple[int, int], more: Mapping[str, str], what: str
) -> None:
    """Bytes of an idle queue, then of one in which a job denoises."""
    where = f"{size[0]}x{size[1]}{what}"
    with in_terminal(WANTUI, {**daemon.environment, **more}, size) as terminal:
        terminal.until("● connected".encode())
        terminal.type(b"\x1b")  # out of the prompt, to the queue
        terminal.until(b"1-6 areas")
        terminal.type(b"2")
        terminal.until(b"nothing runs")
        while terminal.watch(2.0):
            pass
        idle = terminal.watch(WATCHED_S)
        job = daemon.call("POST", "/api/jobs", LONG_JOB).raise_for_status().json()["id"]
        while stage_of(daemon, job) != "denoise":
            terminal.watch(0.2)
        running = terminal.watch(WATCHED_S)
        daemon.call("POST", f"/api/jobs/{job}/cancel").raise_for_status()
        while not daemon.call("GET", f"/api/jobs/{job}").json()["finished_at"]:
            terminal.watch(0.2)
    row(f"TUI bytes in {WATCHED_S:g} s idle, {where}", str(idle), "-", "-", "0")
    kib = running / WATCHED_S / 1024
    row(f"TUI bytes on the wire, a job running, {where}", f"{kib:.2f} KiB/s", "-", "-", "< 2 KiB/s")


def stage_of(daemon: RunningDaemon, job: int) -> str:
    progress = daemon.call("GET", f"/api/jobs/{job}").raise_for_status().json()["progress"]
    return str(progress["stage"]) if progress else ""


def main() -> None:
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        measure_first_content(daemon)
        for size in SIZES:
            measure_wire(daemon, size, {}, "")
            measure_wire(daemon, size, OVER_SSH, ", slow line")


if __name__ == "__main__":
    main()
