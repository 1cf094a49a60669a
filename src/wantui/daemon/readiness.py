"""Whether jobs can be accepted and get on, as `/readyz` asks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from wantui.api.job import WaitsFor
from wantui.daemon.lane import Lane
from wantui.daemon.scheduler import Scheduler
from wantui.errors import TimedOut, WorkerHung, WorkerStartFailed
from wantui.queue.jobs import Jobs

READY_S = 2.0
"""How long the database and the disks may take to say that they are there."""
SILENT_SHARE = 0.25
"""Of the time after which a silent worker is killed: who watches is told before."""


async def be_ready(
    jobs: Jobs, scheduler: Scheduler, lanes: Sequence[Lane], heartbeat_timeout_s: float
) -> None:
    """The database is written to for this, and the workers' heartbeats are asked.

    Raises DatabaseUnusable, DiskFull, TimedOut, WorkerStartFailed or WorkerHung.
    """
    try:
        async with asyncio.timeout(READY_S):
            await jobs.touch()
            await scheduler.need_room()
    except TimeoutError:
        raise TimedOut(f"the database and the disks did not answer in {READY_S:g} s") from None
    if WaitsFor.WORKER in scheduler.waits_for:
        raise WorkerStartFailed("jobs are accepted and wait: no worker can be started")
    for lane in lanes:
        silent_s = lane.worker.silent_s if lane.at_work is not None else 0.0
        if silent_s > SILENT_SHARE * heartbeat_timeout_s:
            raise WorkerHung(
                f"nothing was heard of the worker on {lane.device} for {silent_s:.0f} s",
                detail={"waited_s": round(silent_s, 1), "beats": False},
            )
