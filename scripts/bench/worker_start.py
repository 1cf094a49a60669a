"""From a worker's start until it says that it is ready: importing the engine, mostly."""

from __future__ import annotations

import time

from row import median, row
from tests.worker.process import started

ROUNDS = 5


def main() -> None:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with started():
            times.append(time.perf_counter() - began)
    row("worker: start to ready", f"{median(times):.1f} s", "-", "-", "-")


if __name__ == "__main__":
    main()
