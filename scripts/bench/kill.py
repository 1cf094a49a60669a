"""kill -9 at random moments under load: recovery, jobs lost, outputs that are not whole.

One home all along: jobs are sent, cancelled and run while the daemon is killed again and again, so
that each start finds what all the others left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import select
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from row import RunningDaemon, median, row, running_daemon, tiny
from tests.running import job_when

from wantui.api.job import Job, JobState
from wantui.client import Client
from wantui.errors import DaemonUnreachable, QueueFull, WrongState

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
SEED = 7
LIFE_S = 1.5
"""How long most daemons live at the longest ..."""
LONG_LIFE_S = 15.0
LONG_LIVES = 0.1
"""... and how long one in ten does: in those a worker comes to work, and ends some jobs."""
SENDERS = 3
SETTINGS = "[worker]\ncheckpoint_every_s = 0.0\n[queue]\nmax_interruptions = 1000000\n"
PAGE = 500


@dataclass
class Promised:
    """What the daemons have acknowledged."""

    accepted: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)

    def broken_by(self, known: dict[int, Job]) -> int:
        """How many promises are not kept."""
        lost = self.accepted - set(known)
        undone = {
            job_id
            for job_id in self.cancelled & set(known)
            if known[job_id].state is not JobState.CANCELLED
        }
        return len(lost) + len(undone)


async def send(client: Client, promised: Promised, chance: random.Random) -> None:
    """Jobs that wait, until the daemon dies; every other one is cancelled again."""
    while True:
        job = await client.submit(tiny(f"clip {len(promised.accepted)}", hold=True))
        promised.accepted.add(job.id)
        if chance.random() < 0.5:
            await client.cancel(job.id)
            promised.cancelled.add(job.id)


async def keep_busy(client: Client, promised: Promised) -> None:
    """One job after another for the worker."""
    while True:
        job = await client.submit(tiny(f"run {len(promised.accepted)}", steps=20))
        promised.accepted.add(job.id)
        await job_when(client, job.id, lambda job: job.state.finished)


async def until_killed(daemon: RunningDaemon, promised: Promised, chance: random.Random) -> None:
    async def quietly(work: asyncio.Task[None]) -> None:
        with contextlib.suppress(DaemonUnreachable, QueueFull, WrongState, AssertionError):
            await work

    async with daemon.client() as client, asyncio.TaskGroup() as group:
        works = [asyncio.create_task(send(client, promised, chance)) for _ in range(SENDERS)]
        works.append(asyncio.create_task(keep_busy(client, promised)))
        for work in works:
            group.create_task(quietly(work))
        longest_s = LONG_LIFE_S if chance.random() < LONG_LIVES else LIFE_S
        await asyncio.sleep(chance.uniform(0.0, longest_s))
        await asyncio.to_thread(daemon.kill)


async def known(daemon: RunningDaemon) -> dict[int, Job]:
    found: dict[int, Job] = {}
    before: int | None = None
    async with daemon.client() as client:
        while True:
            page = await client.jobs(limit=PAGE, before=before)
            found |= {job.id: job for job in page.jobs}
            before = page.next_before
            if before is None:
                return found


def not_whole(jobs: dict[int, Job]) -> int:
    """Completed jobs whose video is not all there."""
    outputs = [job.output for job in jobs.values() if job.output is not None]
    return sum(Path(output.path).stat().st_size != output.bytes for output in outputs)


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
    chance = random.Random(SEED)
    promised, recoveries = Promised(), list[float]()
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home), SETTINGS) as first:
        daemon = first
        for _ in range(KILLS):
            asyncio.run(until_killed(daemon, promised, chance))
            began = time.perf_counter()
            daemon = daemon.restart()
            recoveries.append(time.perf_counter() - began)
        jobs = asyncio.run(known(daemon))
        daemon.stop()
        broken, halves = promised.broken_by(jobs), not_whole(jobs)
        made = sum(job.state is JobState.COMPLETED for job in jobs.values())
    share = f"{median(recoveries):.2f} s; worst {max(recoveries):.2f} s"
    row(f"kill -9 under load to serving, {KILLS} kills, median", share, "-", "-", "< 2 s")
    sent = f"{len(promised.accepted)} jobs and {len(promised.cancelled)} cancels"
    row(f"acknowledged and lost, of {sent}", str(broken), "-", "-", "0 in 200 kills")
    row(f"videos that are not whole, of {made}", str(halves), "-", "-", "0")
    row("worker gone after the daemon's SIGKILL", f"{worker_gone_s():.2f} s", "-", "-", "< 1 s")


if __name__ == "__main__":
    main()
