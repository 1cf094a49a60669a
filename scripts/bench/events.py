"""Fan-out: 20 events a second to up to 500 listeners, from publishing to the line read.

All listen in this one process: at 500 they take more of a core than the daemon that is measured.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from row import RunningDaemon, row, running_daemon, tiny

LISTENERS = (1, 10, 100, 500)
BUDGETS = {100: "< 50 ms"}
PER_SECOND = 20
SECONDS = 10


async def listen(
    daemon: RunningDaemon, until: asyncio.Event, arrived: dict[int, list[float]]
) -> None:
    async with daemon.client() as client:
        async for event in client.events():
            rev = getattr(event.object, "rev", 0)
            if event.kind == "job":
                arrived.setdefault(rev, []).append(time.perf_counter())
            if until.is_set():
                return


async def measure(daemon: RunningDaemon, listeners: int) -> list[float]:
    """Milliseconds from the request that causes an event to each listener's having it."""
    arrived: dict[int, list[float]] = {}
    done = asyncio.Event()
    async with daemon.client() as client, asyncio.TaskGroup() as group:
        job = await client.submit(tiny(hold=True))
        for _ in range(listeners):
            group.create_task(listen(daemon, done, arrived))
        await asyncio.sleep(2)
        sent: dict[int, float] = {}
        for _ in range(PER_SECOND * SECONDS):
            began = time.perf_counter()
            sent[(await client.hold(job.id)).rev] = began
            await asyncio.sleep(max(1 / PER_SECOND - (time.perf_counter() - began), 0))
        done.set()
        await client.cancel(job.id)
    return [
        (at - sent[rev]) * 1000 for rev, times in arrived.items() if rev in sent for at in times
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        for listeners in LISTENERS:
            delays = sorted(asyncio.run(measure(daemon, listeners)))
            name = f"events to {listeners} subscribers, {PER_SECOND} a second, p99"
            seen = f"{len(delays)} of {listeners * PER_SECOND * SECONDS} seen"
            p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
            row(
                f"{name} ({seen})",
                f"{p99:.0f} ms",
                f"p50 {p50:.1f} ms",
                "-",
                BUDGETS.get(listeners, "-"),
            )


if __name__ == "__main__":
    main()
