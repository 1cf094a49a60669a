"""What the palette does without a screen, with a real daemon: clean, prune, examine, restart."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from textual.pilot import Pilot

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from tests.tui.screens import sees, session_of, text, until
from tests.tui.test_with_daemon import connected, watching
from wantui.api.job import JobState
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.verbs import VERBS, go

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path) as daemon:
        yield daemon


async def test_clean_names_jobs_and_bytes_and_keeps_them_unless_told_otherwise(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot), own_daemon.client() as client:
        await go(app, VERBS["clean"])
        await sees(pilot, "there is nothing to clean")
        await go(app, VERBS["pause"])
        await sees(pilot, "‖ queue paused")
        jobs = [(await client.submit(tiny(f"rubbish {n}"))).id for n in range(2)]
        for id in jobs:
            await client.cancel(id)
            await job_when(client, id, lambda job: job.state is JobState.CANCELLED)
        await go(app, VERBS["clean"])
        await sees(pilot, "2 failed and cancelled jobs (1, 2)")
        await sees(pilot, "That frees")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.area_screen, "kept")
        assert set(session_of(app).state.jobs) == set(jobs)
        await go(app, VERBS["clean"])
        await sees(pilot, "2 failed and cancelled jobs")
        await pilot.press("right", "enter")
        await sees(pilot, " freed")
        await until(pilot, lambda: not session_of(app).state.jobs, "gone")
        await go(app, VERBS["prune"])
        await sees(pilot, "there is nothing to prune")
        await go(app, VERBS["resume"])
        await until(pilot, lambda: "queue paused" not in text(app), "a queue that goes on")


@pytest.mark.slow
async def test_the_doctor_says_what_is_wrong_with_what_mends_it(own_daemon: RunningDaemon) -> None:
    own_daemon.paths.data.chmod(0o755)
    async with watching(own_daemon) as (app, pilot):
        await go(app, VERBS["doctor"])
        await sees(pilot, "looking, and making a clip")
        await sees(pilot, " to mend; it took ")
        assert "chmod 700" in text(app)


async def test_which_daemon_it_is_and_what_was_set_can_be_seen(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        await go(app, VERBS["daemon status"])
        await sees(pilot, str(own_daemon.pid))
        await pilot.press("escape")
        await go(app, VERBS["config"])
        await sees(pilot, "default_model = 'auto'")
        await sees(pilot, str(own_daemon.paths.settings)[:30])


async def test_a_daemon_elsewhere_is_not_restarted_from_here(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        await go(app, VERBS["daemon restart"])
        await sees(pilot, "restart it where it runs: ")


@asynccontextmanager
async def at_home(daemon: RunningDaemon) -> AsyncIterator[tuple[WantuiApp, Pilot[int]]]:
    """An app of the daemon's own user, who may start another; which is stopped at the end."""
    with patch.dict(os.environ, daemon.environment, clear=True):
        app = WantuiApp(daemon.paths)
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await until(pilot, lambda: app.session is not None, "a session")
            await connected(app, pilot)
            yield app, pilot
    stop = [sys.executable, "-m", "wantui", "daemon", "stop"]
    await asyncio.to_thread(subprocess.run, stop, env=daemon.environment, check=True)


async def test_a_daemon_is_stopped_and_started_and_restarted_from_the_palette(
    own_daemon: RunningDaemon,
) -> None:
    async with at_home(own_daemon) as (app, pilot):
        async with own_daemon.client() as client:
            await client.pause()
            await client.submit(tiny("survivor"))
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "survivor")
        boots = [session_of(app).state.boot]
        await go(app, VERBS["daemon stop"])
        await sees(pilot, "Stop the daemon at")
        await pilot.press("right", "enter")
        await sees(pilot, "the daemon has stopped")
        await sees(pilot, "S starts it")
        await go(app, VERBS["daemon start"])
        for again in (False, True):
            if again:
                await go(app, VERBS["daemon restart"])
                await sees(pilot, "Restart the daemon at")
                await pilot.press("right", "enter")
            await until(
                pilot,
                lambda: session_of(app).state.boot not in boots and "● connected" in text(app),
                "another daemon",
            )
            boots.append(session_of(app).state.boot)
            assert "survivor" in text(app)
