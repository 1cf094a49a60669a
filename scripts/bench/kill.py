"""kill -9: how soon a daemon serves again, whether an accepted job is lost, how the worker ends."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import tempfile
import time
from pathlib import Path

from row import RunningDaemon, median, row, running_daemon, tiny
from tests.running import job_when

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 20


async def submit_until_killed(daemon: RunningDaemon, count: int) -> set[int]:
    """Ids that were acknowledged; the daemon dies among the last of them."""
    acknowledged: set[int] = set()
    async with daemon.client() as client:
        for _ in range(count):
            acknowledged.add((await client.submit(tiny(hold=True))).id)
    daemon.kill()
    return acknowledged


async def known(daemon: RunningDaemon) -> set[int]:
    async with daemon.client() as client:
        return {job.id for job in (await client.jobs(limit=500)).jobs}


async def worker_at_work(daemon: RunningDaemon) -> int:
    async with daemon.client() as client:
        job = await client.submit(tiny(size="256x256", frames=33, steps=100))
        running = await job_when(client, job.id, lambda job: bool(job.progress and job.progress.of))
    pid = running.attempts[-1].worker_pid
    assert pid is not None
    return pid


def worker_gone_s() -> float:
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        watched = os.pidfd_open(asyncio.run(worker_at_work(daemon)))
        began = time.perf_counter()
        daemon.kill()
        select.select([watched], [], [], 30)
        return time.perf_counter() - began


def main() -> None:
    recoveries: list[float] = []
    lost = total = 0
    for n in range(KILLS):
        with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
            acknowledged = asyncio.run(submit_until_killed(daemon, 5 + n % 20))
            began = time.perf_counter()
            successor = daemon.restart()
            recoveries.append(time.perf_counter() - began)
            lost += len(acknowledged - asyncio.run(known(successor)))
            total += len(acknowledged)
            successor.stop()
    row("kill -9 to serving, median", f"{median(recoveries):.2f} s", "-", "-", "< 2 s")
    row(f"jobs lost of {total} in {KILLS} kills", str(lost), "-", "-", "0 in 200")
    row("worker gone after the daemon's SIGKILL", f"{worker_gone_s():.2f} s", "-", "-", "< 1 s")


if __name__ == "__main__":
    main()
