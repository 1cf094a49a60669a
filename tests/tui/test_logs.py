"""Logs of a real daemon in the logs area: levels, words, earlier lines, and the way to a job."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from tests.tui.screens import lines, sees, text, until
from tests.tui.test_with_daemon import watching
from wantui.api.job import JobState
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.screens.logs import LogsScreen
from wantui.tui.widgets.lines import Lines
from wantui.tui.widgets.table import Table

pytestmark = pytest.mark.anyio

LEVELS = ("debug", "info", "warning", "error")


def written(number: int) -> str:
    """A line as the daemon writes them, each its own level in turn, about a job."""
    return (
        f"time=2026-11-27T18:14:01.123Z level={LEVELS[number % 4]} from=daemon.lane pid=1 "
        f'job={number % 4 + 1} message="line number {number}"\n'
    )


def logs_of(app: WantuiApp) -> LogsScreen:
    screen = app.area_screen
    assert isinstance(screen, LogsScreen)
    return screen


async def at_worker_log(pilot: Pilot[int], daemon: RunningDaemon, count: int) -> Lines:
    """With so many lines in the worker's log, the last of them on the screen."""
    path = daemon.paths.logs / "worker.log"
    path.write_text("".join(map(written, range(count))), "utf-8")
    await pilot.press("escape", "6", "w")
    await sees(pilot, f"line number {count - 1}")
    return pilot.app.screen.query_one(Lines)


async def test_levels_and_words_are_filtered_by_and_both_are_shown(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with watching(daemon) as (app, pilot):
            await at_worker_log(pilot, daemon, 40)
            await pilot.press("v", "v")
            await sees(pilot, "20 of 40 lines  warning+")
            assert "DEBUG" not in text(app)
            await pilot.press("slash", *"number 3")
            await sees(pilot, "7 of 40 lines  warning+  following")
            await pilot.press("enter", "v", "v")
            await sees(pilot, "11 of 40 lines  following")
            await pilot.press("slash", "escape")
            await sees(pilot, "worker log  40 lines  following")


async def test_a_line_leads_to_its_job_or_is_shown_whole(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            for prompt in ("one", "two", "three"):
                await client.submit(tiny(prompt, hold=True))
        async with watching(daemon) as (app, pilot):
            await at_worker_log(pilot, daemon, 12)
            await pilot.press("enter")
            await sees(pilot, "move to a line first")
            await pilot.press("k")
            await sees(pilot, "enter: job 3")
            await pilot.press("enter")
            await until(pilot, lambda: app.current_mode == Area.QUEUE, "the queue")
            table = app.screen.query_one(Table)
            await until(pilot, lambda: table.chosen == 3, "the job chosen")
            await pilot.press("6", "j", "enter")
            await sees(pilot, "✗ there is no job 4")
            assert app.current_mode == Area.LOGS


async def test_what_comes_is_followed_until_one_moves_away(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with watching(daemon) as (app, pilot):
            view = await at_worker_log(pilot, daemon, 200)
            path = daemon.paths.logs / "worker.log"
            with path.open("a", encoding="utf-8") as log:
                log.write(written(200))
            await sees(pilot, "line number 200")
            await pilot.press("k", "k")
            chosen = view.chosen
            assert chosen is not None
            assert chosen.text.endswith("line number 198")
            shown = lines(app)[3:]
            with path.open("a", encoding="utf-8") as log:
                log.write("".join(map(written, range(201, 300))))
            await sees(pilot, "300 lines")
            assert [line[:60] for line in lines(app)[3:-1]] == [line[:60] for line in shown[:-1]]
            assert view.chosen == chosen
            await pilot.press("G")
            await sees(pilot, "line number 299")
            await sees(pilot, "following")


async def test_what_was_earlier_is_read_when_one_asks_and_nothing_moves(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with watching(daemon) as (app, pilot):
            await at_worker_log(pilot, daemon, 3000)
            known = len(logs_of(app)._book.lines)
            assert known < 1000
            await pilot.press("k", "m")
            await sees(pilot, "worker log  3000 lines")
            assert "line number 2998" in text(app)
            numbers = [line.text.rpartition(" ")[2] for line in logs_of(app)._book.lines]
            assert numbers == [str(number) for number in range(3000)]
            await pilot.press("m")
            await sees(pilot, "this is the whole log")


async def test_a_job_s_log_leads_to_the_job_from_every_line(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        job = await client.submit(tiny("a job with a log"))
        await job_when(client, job.id, lambda job: job.state is JobState.COMPLETED)
    async with watching(daemon) as (app, pilot):
        await app.show_log(str(job.id))
        await sees(pilot, f"log of job {job.id}")
        await until(pilot, lambda: len(logs_of(app)._book.lines) > 0, "lines")
        await pilot.press("k", "enter")
        await until(pilot, lambda: app.current_mode == Area.QUEUE, "the queue")
        assert app.screen.query_one(Table).chosen == job.id
