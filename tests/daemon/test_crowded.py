"""A GPU that others hold: a job waits for its memory, is told who has it, and runs once it is free.

The driver is made up; the queue, the scheduler and the planner are real.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.test_recovery import CATALOG, Flickering, Store, accepted
from tests.planners import planner
from tests.unit.machines import GIB, gpu, machine
from wantui.api.hardware import Hardware, MemoryHolder
from wantui.api.job import WaitsFor
from wantui.api.queue import Queue
from wantui.daemon.scheduler import Scheduler
from wantui.database import Database
from wantui.paths import Paths
from wantui.queue.jobs import Jobs
from wantui.settings import QueueSettings

pytestmark = pytest.mark.anyio

HOLDER = MemoryHolder(pid=4242, name="train", bytes=79 * GIB)


class Crowded(Flickering):
    """Another process has nearly all of its GPU, while it is `busy`."""

    busy = True

    async def read(self) -> Hardware:
        if not self.busy:
            return machine(gpu(80 * GIB))
        held = gpu(80 * GIB, used_bytes=int(79.9 * GIB))
        return machine(held.model_copy(update={"holders": (HOLDER,)}))


async def test_a_job_waits_for_memory_that_others_hold(tmp_path: Path, database: Database) -> None:
    jobs = Jobs(
        database, QueueSettings(max_unfinished=9, max_crashes=2, max_interruptions=5), print
    )
    await jobs.start()
    job = await accepted(jobs, "demo")
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    made, told = Crowded(paths), list[str]()
    scheduler = Scheduler(
        jobs,
        CATALOG,
        Store(database, paths).provision,
        made,
        planner=planner(tmp_path),
        changed=lambda: told.append("changed"),
    )
    scheduler.start({"GPU-1"})
    assert await scheduler.claim("GPU-1", lambda _: None) is None
    (crowd,) = scheduler.crowded
    assert crowd.holders == (HOLDER,)
    assert crowd.missing_bytes > 0
    assert told == ["changed"]
    assert scheduler.look_again
    queue = Queue(paused=False, counts={}, crowded=scheduler.crowded, rev=1)
    assert queue.reasons(job) == (WaitsFor.MEMORY,)
    made.busy = False
    claim = await scheduler.claim("GPU-1", lambda _: None)
    assert claim is not None
    assert claim.job.id == job.id
    assert scheduler.crowded == ()
