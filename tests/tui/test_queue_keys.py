"""The queue's keys with a real daemon: places, priorities, another try; and a kill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.running import RunningDaemon, running_daemon, tiny
from tests.tui.screens import sees, session_of, text, until
from tests.tui.test_with_daemon import watching
from wantui.api.job import JobState
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
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


async def submitted(daemon: RunningDaemon, *prompts: str, label: str | None = None) -> list[int]:
    async with daemon.client() as client:
        return [(await client.submit(tiny(prompt, label=label))).id for prompt in prompts]


def states(app: WantuiApp, ids: list[int]) -> list[JobState]:
    return [session_of(app).state.jobs[id].state for id in ids]


async def test_verbs_act_on_all_that_are_marked_and_say_so_in_one_line(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        ids = await submitted(own_daemon, "one", "two", "three", "four")
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "four")
        await choose(app, pilot, ids[0])
        await pilot.press("space", "space")
        await sees(pilot, "2 marked")
        await pilot.press("h")
        await sees(pilot, "2 jobs held; r releases")
        held = JobState.HELD
        await until(pilot, lambda: states(app, ids[:2]) == [held, held], "two are held")
        assert "marked" not in text(app), "done with them"
        await pilot.press("a")
        await sees(pilot, "4 marked")
        await pilot.press("r")
        await sees(pilot, f"2 jobs released; 2 not: job {ids[2]} is queued, not held")
        await pilot.press("a", "c")
        await sees(pilot, "Cancel 4 jobs?")
        assert app.focused is not None
        assert app.focused.id == "no"
        await pilot.press("escape", "escape")
        assert "marked" not in text(app)
        await pilot.press("a", "c", "y")
        await sees(pilot, "4 jobs cancelled")
        await pilot.press("a", "x")
        await sees(pilot, "Remove 4 jobs? That frees ")
        await pilot.press("y")
        await sees(pilot, "4 jobs removed")
        await sees(pilot, "no jobs yet")


async def test_marked_jobs_keep_their_order_when_they_move(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        one, two, three, four = await submitted(own_daemon, "one", "two", "three", "four")
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "four")
        await choose(app, pilot, three)
        await pilot.press("space", "space")
        await sees(pilot, "2 marked")
        await pilot.press("K")
        await until(pilot, lambda: order(app) == [one, three, four, two], "one place up")
        await pilot.press("t")
        await until(pilot, lambda: order(app) == [three, four, one, two], "at the top")
        await pilot.press("J")
        await until(pilot, lambda: order(app) == [one, three, four, two], "one place down")


async def test_what_is_typed_narrows_the_list(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        await submitted(own_daemon, "a boat at sea", "dunes at night", label="night")
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "dunes at night")
        await pilot.press("slash", *"boat")
        await sees(pilot, "1 of 2 jobs")
        assert "dunes at night" not in text(app)
        await pilot.press("enter", "a", "h")
        await sees(pilot, "‖ held")
        await pilot.press("slash", *" nothing like it")
        await sees(pilot, "no job here is like that")
        await pilot.press("escape")
        await sees(pilot, "dunes at night")
        assert "of 2 jobs" not in text(app)


async def test_any_job_there_has_been_is_found_and_esc_goes_back(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        boat, _ = await submitted(own_daemon, "a boat at sea", "dunes at night", label="night")
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "dunes at night")
        await pilot.press("s", *"BOAT label:night", "enter")
        await sees(pilot, "1 found: BOAT label:night")
        assert "dunes at night" not in text(app)
        await pilot.press("c")
        await sees(pilot, f"job {boat}: – cancelled")
        await pilot.press("m")
        await sees(pilot, "there are no older ones")
        await pilot.press("s", *[*["backspace"] * 20], *"since:never", "enter")
        await sees(pilot, "cannot read 'never'")
        await pilot.press("s", *[*["backspace"] * 20], *"no such words", "enter")
        await sees(pilot, "nothing found")
        await pilot.press("escape")
        await sees(pilot, "dunes at night")


async def test_a_verb_that_can_do_nothing_says_why(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        (job,) = await submitted(own_daemon, "alone")
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "alone")
        for key, why in (
            ("r", f"job {job} is queued, not held"),
            ("x", f"job {job} is queued: cancel it first"),
            ("K", f"job {job} is first already"),
            ("J", f"job {job} is last already"),
            ("R", "only a job that has ended is sent again"),
        ):
            await pilot.press(key)
            await sees(pilot, why)
        await pilot.press("h")
        await sees(pilot, "‖ held")
        await pilot.press("h")
        await sees(pilot, f"job {job} is held already")
