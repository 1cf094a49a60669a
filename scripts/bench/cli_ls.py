"""`wantui ls` against a running daemon, as a whole process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from row import median, row, running_daemon

RUNS = 10


def main() -> None:
    times: list[float] = []
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        for _ in range(RUNS):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "wantui", "ls"],
                env=daemon.environment,
                check=True,
                capture_output=True,
            )
            times.append(time.perf_counter() - began)
    row("CLI `ls` against a running daemon", f"{median(times):.2f} s", "-", "-", "< 0.3 s")


if __name__ == "__main__":
    main()
