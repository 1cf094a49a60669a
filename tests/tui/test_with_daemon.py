"""The TUI and a real daemon with the demo model: submit, watch, cancel, hold, lose, find again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from tests.tui.screens import lines, sees, session_of, text, until
from wantui.api.job import JobState
from wantui.tui import cache
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.state import Phase
from wantui.tui.widgets.table import Table

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def watching(daemon: RunningDaemon) -> AsyncIterator[tuple[WantuiApp, Pilot[int]]]:
    async with opened(daemon) as (app, pilot):
        await connected(app, pilot)
        yield app, pilot


@asynccontextmanager
async def opened(daemon: RunningDaemon) -> AsyncIterator[tuple[WantuiApp, Pilot[int]]]:
    """An app that never starts a daemon of its own, for its address is a named one."""
    with patch.dict(os.environ, {"WANTUI_HOST": f"unix://{daemon.paths.socket}"}):
        app = WantuiApp(daemon.paths)
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await until(pilot, lambda: app.session is not None, "a session")
            yield app, pilot


async def connected(app: WantuiApp, pilot: Pilot[int]) -> None:
    await until(
        pilot,
        lambda: session_of(app).state.link.phase is Phase.CONNECTED,
        "connected",
    )


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path) as daemon:
        yield daemon


async def test_a_prompt_becomes_a_clip_without_leaving_the_keyboard(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats", "tab", "tab", "tab", *"32x32", "tab", *"5", "tab", "2")
        await pilot.press("ctrl+s")
        await sees(pilot, "accepted")
        job_id = max(session_of(app).state.jobs)
        async with daemon.client() as client:
            await job_when(client, job_id, lambda job: job.state is JobState.COMPLETED)
        await sees(pilot, f"✓ {job_id} completed")
        await pilot.press("escape", "5")
        await sees(pilot, "boats")
        taken = tmp_path / "taken.mp4"
        taken.write_bytes(b"mine")
        for hopeless, said in (
            (str(taken), f"✗ {taken}"),
            ("~nobody-of-that-name/x.mp4", "there is no such place"),
            (f"{tmp_path}/none/x.mp4", "there is no folder"),
            (f"/{'a' * 300}.mp4", "aaaaaaaaaaaa"),
        ):
            await pilot.press("s")
            await sees(pilot, f"Save a copy of job {job_id}'s clip")
            app.screen.query_one(Input).value = hopeless
            await pilot.press("enter")
            await sees(pilot, said)
        await pilot.press("s")
        await sees(pilot, f"Save a copy of job {job_id}'s clip")
        app.screen.query_one(Input).value = str(tmp_path / "copy.mp4")
        await pilot.press("enter")
        await sees(pilot, "saved ")
        assert b"ftyp" in (tmp_path / "copy.mp4").read_bytes()[:16]
        assert taken.read_bytes() == b"mine"
        await pilot.press("r")
        await until(pilot, lambda: app.current_mode == Area.GENERATE, "the generate screen")
        assert app.screen.query_one(TextArea).text == "boats"
        assert app.screen.query_one("#field-size Input", Input).value == "32x32"


async def test_a_refusal_is_shown_on_its_field_with_the_nearest_value(
    daemon: RunningDaemon,
) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        app.screen.query_one("#field-frames Input", Input).value = "6"
        await pilot.press("ctrl+s")
        await sees(pilot, "nearest: 5")
        shown = lines(app)
        row = next(i for i, line in enumerate(shown) if " size " in line)
        assert "✗" in shown[row + 1]
        assert app.focused is app.screen.query_one("#field-frames Input")


async def test_a_picture_that_is_not_there_is_refused_on_its_field(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        app.screen.query_one("#field-image Input", Input).value = "/no/such.png"
        await pilot.press("ctrl+s")
        await sees(pilot, "there is no file /no/such.png")


async def test_jobs_are_held_released_and_cancelled(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        async with daemon.client() as client:
            await client.pause()
            one = (await client.submit(tiny("first"))).id
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "‖ queue paused")
        table = app.screen.query_one(Table)
        await until(pilot, lambda: table.chosen == one, "the job chosen")
        await pilot.press("h")
        await sees(pilot, f"job {one}: ‖ held")
        await pilot.press("r")
        await sees(pilot, f"job {one}: ○ queued")
        await pilot.press("c")
        await sees(pilot, f"job {one}: – cancelled")
        await pilot.press("p")
        await sees(pilot, "queue resumed")
        await until(pilot, lambda: "queue paused" not in text(app), "a queue that goes on")


async def test_a_running_job_is_cancelled_after_a_question(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await app.switch_mode(Area.QUEUE)
        async with daemon.client() as client:
            long = await client.submit(tiny("long", size="256x256", frames=33, steps=100))
            await job_when(client, long.id, lambda job: job.state is JobState.RUNNING)
            await sees(pilot, f"▶ running {long.id}")
            await pilot.press("g")
            assert app.screen.query_one(Table).chosen == long.id
            await pilot.press("c")
            await sees(pilot, "which is running?")
            await pilot.press("right", "enter")
            await job_when(client, long.id, lambda job: job.state is JobState.CANCELLED)
        await sees(pilot, "– cancelled")


async def test_the_log_of_the_daemon_is_followed_and_filtered(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await pilot.press("escape", "6")
        await sees(pilot, "listens at")
        await pilot.press("slash", *"no such line", "enter")
        await until(pilot, lambda: "listens at" not in text(app), "no line that fits")


async def test_a_log_that_there_is_not_is_said_and_the_screen_stays(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await app.show_log("999999")
        await sees(pilot, "✗ ")
        await pilot.press("d")
        await sees(pilot, "listens at")


async def test_hardware_is_measured_while_it_is_looked_at(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        known = session_of(app).state.hardware
        assert known is not None
        await pilot.press("escape", "4")
        await sees(pilot, "RAM")
        await until(pilot, lambda: session_of(app).state.hardware is not known, "a new reading")


async def test_a_killed_daemon_is_said_and_found_again(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        async with own_daemon.client() as client:
            await client.pause()
            job = await client.submit(tiny("survivor"))
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "survivor")
        boot = session_of(app).state.boot
        own_daemon.kill()
        await sees(pilot, "✗ disconnected")
        assert app.area_screen.has_class("-stale")
        assert "survivor" in text(app)
        again = await asyncio.to_thread(own_daemon.restart)
        try:
            await until(
                pilot,
                lambda: session_of(app).state.boot not in (None, boot),
                "the state of another boot",
            )
            await sees(pilot, "● connected")
            assert session_of(app).state.jobs[job.id].params.prompt == "survivor"
            assert not app.area_screen.has_class("-stale")
        finally:
            again.stop()


async def test_what_was_known_is_painted_before_the_daemon_answers(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        async with own_daemon.client() as client:
            await client.pause()
            await client.submit(tiny("remembered"))
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "remembered")
        await app.action_quit()
    assert cache.load(own_daemon.paths, own_daemon.paths.socket) is not None
    own_daemon.kill()
    async with opened(own_daemon) as (app, pilot):
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "remembered")
        await sees(pilot, "as last seen")
