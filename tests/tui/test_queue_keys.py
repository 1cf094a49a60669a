"""The queue's keys with a real daemon: places, priorities, another try; and a kill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.made import job as made_job
from tests.running import RunningDaemon, running_daemon, tiny
from tests.tui.screens import sees, session_of, until
from tests.tui.test_with_daemon import watching
from wantui.api.job import JobState
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.screens.queue import neighbour
from wantui.tui.widgets.table import Table

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path) as daemon:
        daemon.call("POST", "/api/queue/pause")
        yield daemon


def order(app: WantuiApp) -> list[int]:
    return [job.id for job in session_of(app).state.unfinished]


async def choose(app: WantuiApp, pilot: Pilot[int], job_id: int) -> None:
    table = app.screen.query_one(Table)
    await pilot.press("g")
    while table.chosen != job_id:
        await pilot.press("down")


async def test_jobs_change_places_and_priorities_and_are_sent_again(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        async with own_daemon.client() as client:
            ids = [(await client.submit(tiny(f"number {n}"))).id for n in range(3)]
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "number 2")
        first, second, third = ids
        await choose(app, pilot, third)
        await pilot.press("K")
        await until(pilot, lambda: order(app) == [first, third, second], "one place up")
        assert app.screen.query_one(Table).chosen == third
        await pilot.press("t")
        await until(pilot, lambda: order(app) == [third, first, second], "at the top")
        await pilot.press("K")
        await sees(pilot, f"job {third} is first already")
        await pilot.press("J")
        await until(pilot, lambda: order(app) == [first, third, second], "one place down")
        await choose(app, pilot, second)
        await pilot.press("plus")
        await sees(pilot, f"job {second}: moved, priority 1")
        await until(pilot, lambda: order(app)[0] == second, "before all of a lower priority")
        await pilot.press("minus")
        await sees(pilot, f"job {second}: moved, priority 0")
        await pilot.press("R")
        await sees(pilot, "only a job that has ended is sent again")
        await pilot.press("c")
        await sees(pilot, f"job {second}: – cancelled")
        await choose(app, pilot, second)
        await pilot.press("R")
        await sees(pilot, f"is another try of job {second}")
        again = session_of(app).state.jobs[max(session_of(app).state.jobs)]
        assert (again.retry_of, again.params.prompt) == (second, "number 1")


async def test_a_job_that_was_removed_is_on_the_screen_no_more(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        await app.switch_mode(Area.QUEUE)
        async with own_daemon.client() as client:
            job = await client.submit(tiny("rubbish"))
            await sees(pilot, "rubbish")
            await client.cancel(job.id)
            await sees(pilot, "– cancelled")
            await client.remove_job(job.id, dry_run=False)
        await until(pilot, lambda: job.id not in session_of(app).state.jobs, "gone")
        await sees(pilot, "no jobs yet")


async def test_a_prompt_is_one_job_though_the_daemon_dies_meanwhile(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (_, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        own_daemon.process.send_signal(signal.SIGSTOP)  # what is sent now is not answered
        await pilot.press("ctrl+s")
        await asyncio.sleep(0.2)
        own_daemon.kill()
        again = await asyncio.to_thread(own_daemon.restart)
        try:
            await sees(pilot, "accepted")
            async with again.client() as client:
                jobs = (await client.status()).jobs
            assert [job.params.prompt for job in jobs] == ["boats"]
        finally:
            again.stop()


@pytest.mark.parametrize(("by", "expected"), [(-1, 1), (1, 4)])
def test_a_neighbour_is_the_next_waiting_job_of_the_same_user(by: int, expected: int) -> None:
    jobs = [
        made_job(1),
        made_job(2, owner=7),
        made_job(9, JobState.RUNNING),
        made_job(3),
        made_job(4, JobState.HELD),
    ]
    found = neighbour(jobs[3], jobs, by)
    assert found is not None
    assert found.id == expected
    assert neighbour(jobs[1], jobs, by) is None
    assert neighbour(jobs[2], jobs, by) is None
