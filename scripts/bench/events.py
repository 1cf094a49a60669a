"""Fan-out: 20 events a second to 100 listeners, from publishing to the line read."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from row import RunningDaemon, row, running_daemon, tiny

LISTENERS = 100
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


async def measure(daemon: RunningDaemon) -> list[float]:
    """Milliseconds from the request that causes an event to each listener's having it."""
    arrived: dict[int, list[float]] = {}
    done = asyncio.Event()
    async with daemon.client() as client, asyncio.TaskGroup() as group:
        job = await client.submit(tiny(hold=True))
        for _ in range(LISTENERS):
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
        delays = sorted(asyncio.run(measure(daemon)))
    p99 = delays[int(len(delays) * 0.99)]
    name = f"events to {LISTENERS} subscribers, {PER_SECOND} a second ({len(delays)} seen), p99"
    row(name, f"{p99:.0f} ms", "-", "-", "< 50 ms")


if __name__ == "__main__":
    main()
