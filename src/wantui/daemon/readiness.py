"""Whether jobs can be accepted, as `/readyz` asks."""

from __future__ import annotations

import asyncio

from wantui.daemon.scheduler import Scheduler
from wantui.errors import TimedOut
from wantui.queue.jobs import Jobs

READY_S = 2.0
"""How long the database and the disks may take to say that they are there."""


async def be_ready(jobs: Jobs, scheduler: Scheduler) -> None:
    """The database is written to for this. Raises DatabaseUnusable, DiskFull or TimedOut."""
    try:
        async with asyncio.timeout(READY_S):
            await jobs.touch()
            await scheduler.need_room()
    except TimeoutError:
        raise TimedOut(f"the database and the disks did not answer in {READY_S:g} s") from None
