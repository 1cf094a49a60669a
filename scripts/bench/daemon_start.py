"""A daemon's start to its first answer, and what it costs when nothing happens."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil
from row import median, row, running_daemon

RUNS = 5
IDLE_S = 10.0


def main() -> None:
    starts: list[float] = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as home:
            began = time.perf_counter()
            with running_daemon(Path(home)):
                starts.append(time.perf_counter() - began)
    row("daemon: start to first 200", f"{median(starts):.2f} s", "-", "-", "< 1 s")
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        process = psutil.Process(daemon.pid)
        before = process.cpu_times()
        time.sleep(IDLE_S)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        rss = process.memory_info().rss / 2**20
    row("daemon: idle RSS", f"{rss:.0f} MiB", "-", "-", "< 80 MiB")
    row(f"daemon: CPU in {IDLE_S:g} s idle", f"{max(used, 0.0):.2f} s", "-", "-", "0")


if __name__ == "__main__":
    main()
