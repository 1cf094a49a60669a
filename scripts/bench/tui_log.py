"""A log of 100,000 lines in the TUI on a real pseudo-terminal: its first lines, and keys in it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from row import RunningDaemon, median, row, running_daemon

from tui import WANTUI, Terminal, in_terminal

LINES = 100_000
RUNS = 15
LEVELS = ("debug", "info", "warning", "error")
ALL_READ = f"{LINES} lines".encode()


def say(what: str, figure: str) -> None:
    row(f"TUI log of {LINES:,} lines: {what}", figure, "-", "-", "-")


def line(number: int) -> str:
    """As a worker writes them."""
    return (
        f"time=2026-11-27T18:14:01.123Z level={LEVELS[number % 4]} from=worker.denoise pid=1 "
        f'job={number % 9} message="step {number} of many took as long as the one before"\n'
    )


def answered_s(terminal: Terminal, keys: bytes, wanted: bytes) -> float:
    """From the keys until this is drawn."""
    terminal.seen = b""
    began = time.perf_counter()
    terminal.type(keys)
    terminal.until(wanted)
    return time.perf_counter() - began


def measure(daemon: RunningDaemon) -> None:
    log = daemon.paths.logs / "worker.log"
    log.write_text("".join(map(line, range(LINES))), "utf-8")
    with in_terminal(WANTUI, daemon.environment) as terminal:
        terminal.until("● connected".encode())
        terminal.type(b"\x1b")
        terminal.until(b"1-6 areas")
        terminal.type(b"6")
        terminal.until(b"listens at")
        say(
            "the last of them drawn",
            f"{answered_s(terminal, b'w', f'step {LINES - 1} '.encode()):.2f} s",
        )
        read_all(terminal)
        while terminal.watch(2.0):
            pass
        moves = [answered_s(terminal, b"k", b"\x1b[") for _ in range(RUNS)]
        say("a line up", f"{median(moves) * 1000:.0f} ms")
        levels = [answered_s(terminal, b"v", b"lines") for _ in range(8)]
        say("another level", f"{median(levels) * 1000:.0f} ms")
        terminal.type(b"/")
        terminal.watch(0.5)
        typed = [answered_s(terminal, letter.encode(), b" of ") for letter in "step 77"]
        say("a key of the filter", f"{median(typed) * 1000:.0f} ms")


def read_all(terminal: Terminal) -> None:
    """Up, and earlier lines until there are no more."""
    terminal.type(b"k")
    while ALL_READ not in terminal.seen:
        terminal.type(b"m")
        terminal.watch(3.0)


def main() -> None:
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        measure(daemon)


if __name__ == "__main__":
    main()
