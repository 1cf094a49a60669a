"""A GPU that others hold: a job waits for its memory, is told who has it, and runs once it is free.

The driver is made up; the queue, the scheduler and the planner are real.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.test_recovery import CATALOG, Flickering, Store, accepted
from tests.planners import planner
from tests.unit.machines import GIB, gpu, machine
from tests.unit.plans import status_of
from wantui.api.estimate import Crowd
from wantui.api.hardware import Hardware, MemoryHolder
from wantui.api.job import Stage, WaitsFor
from wantui.api.plan import Plan
from wantui.api.queue import Queue
from wantui.daemon.planner import Wanted
from wantui.daemon.scheduler import Scheduler
from wantui.database import Database
from wantui.errors import OutOfMemory
from wantui.hardware.estimates.video import default_video
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


class Narrow(Flickering):
    """Two GPUs in a host that has memory for one worker."""

    async def read(self) -> Hardware:
        return machine(gpu(80 * GIB, "GPU-1"), gpu(80 * GIB, "GPU-2"), ram_bytes=5 * GIB)


@pytest.fixture
async def jobs(database: Database) -> Jobs:
    jobs = Jobs(
        database,
        QueueSettings(max_unfinished=9, max_crashes=2, max_interruptions=5, max_overtaken=3),
        print,
    )
    await jobs.start()
    return jobs


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environment({"WANTUI_HOME": str(tmp_path)})


def scheduler_of(
    jobs: Jobs, made: Flickering, paths: Paths, database: Database, told: list[str]
) -> Scheduler:
    return Scheduler(
        jobs,
        CATALOG,
        Store(database, paths).provision,
        made,
        planner=planner(paths.state, running=lambda: jobs.running),
        changed=lambda: told.append("changed"),
    )


async def test_a_job_waits_for_memory_that_others_hold(
    jobs: Jobs, paths: Paths, database: Database
) -> None:
    job = await accepted(jobs, "demo")
    made, told = Crowded(paths), list[str]()
    scheduler = scheduler_of(jobs, made, paths, database, told)
    scheduler.start({"GPU-1"})
    assert await scheduler.claim("GPU-1", None, lambda _: None) is None
    (crowd,) = scheduler.crowded
    assert crowd.holders == (HOLDER,)
    assert crowd.missing_bytes > 0
    assert told == ["changed"]
    assert scheduler.look_again
    queue = Queue(paused=False, counts={}, crowded=scheduler.crowded, rev=1)
    assert queue.reasons(job) == (WaitsFor.MEMORY,)
    made.busy = False
    claim = await scheduler.claim("GPU-1", None, lambda _: None)
    assert claim is not None
    assert claim.job.id == job.id
    assert scheduler.crowded == ()


class Halved(Flickering):
    """The driver has lost one of its two GPUs."""

    async def read(self) -> Hardware:
        return machine(gpu(80 * GIB, "GPU-2"))


def test_what_others_hold_changes_no_pixel_of_a_claimed_job(paths: Paths) -> None:
    """Blocks stream instead, and where only tiles would fit it waits; it gets them where it would
    have to be decoded so alone."""
    known, recipe = planner(paths.state), CATALOG.model("t2v-a14b")
    wanted = Wanted(recipe, status_of(recipe), default_video(recipe))

    def claimed(held_gib: int, total_gib: int = 80) -> Plan | Crowd:
        one = gpu(total_gib * GIB, used_bytes=held_gib * GIB)
        held = HOLDER.model_copy(update={"bytes": held_gib * GIB})
        return known.claimed(wanted, machine(one.model_copy(update={"holders": (held,)})), "GPU-1")

    alone, beside, waiting, small = claimed(0), claimed(50), claimed(65), claimed(0, 15)
    assert isinstance(alone, Plan)
    assert isinstance(beside, Plan)
    assert alone.residency.resident_blocks is None
    assert beside.residency.resident_blocks is not None
    assert (alone.tiled_decode, beside.tiled_decode) == (False, False)
    assert alone.compiled == beside.compiled
    assert isinstance(waiting, Crowd)
    assert isinstance(small, Plan)
    assert small.tiled_decode


async def test_memory_that_others_took_while_a_job_ran_proves_nothing_of_its_plan(
    paths: Paths,
) -> None:
    made = Crowded(paths)
    made.busy = False
    known = planner(paths.state, made)
    recipe = CATALOG.model("t2v-a14b")
    wanted = Wanted(recipe, status_of(recipe), default_video(recipe))
    ran = known.claimed(wanted, await made.read(), "GPU-1")
    assert isinstance(ran, Plan)
    failure = OutOfMemory("decode ran out of memory", detail={"stage": Stage.DECODE.value})
    assert await known.crowded_out(wanted, ran, failure) is None  # nobody else has any
    made.busy = True
    told = await known.crowded_out(wanted, ran, failure)
    assert told is not None
    assert told.message.startswith("decode ran out of memory that others had taken")


async def test_a_device_that_is_gone_is_looked_for_though_another_is_there(
    jobs: Jobs, paths: Paths, database: Database
) -> None:
    scheduler = scheduler_of(jobs, Halved(paths), paths, database, [])
    scheduler.start({"GPU-1", "GPU-2"})
    assert await scheduler.claim("GPU-1", None, lambda _: None) is None
    assert await scheduler.claim("GPU-2", None, lambda _: None) is None
    assert scheduler.look_again


async def test_two_lanes_do_not_plan_with_the_same_host_memory(
    jobs: Jobs, paths: Paths, database: Database
) -> None:
    """The second is planned before the first has taken any of it."""
    for _ in range(2):
        await accepted(jobs, "demo")
    scheduler = scheduler_of(jobs, Narrow(paths), paths, database, [])
    scheduler.start({"GPU-1", "GPU-2"})
    first = await scheduler.claim("GPU-1", None, lambda _: None)
    assert first is not None
    assert first.plan.host_bytes is not None
    assert await scheduler.claim("GPU-2", None, lambda _: None) is None
    assert scheduler.look_again
    assert [crowd.device for crowd in scheduler.crowded] == ["GPU-2"]
    await jobs.stopped(first.job.id)
    assert await scheduler.claim("GPU-2", None, lambda _: None) is not None
