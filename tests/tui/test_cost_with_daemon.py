"""What a request costs and what fits, as a real daemon tells it while somebody types."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Select, TextArea

from tests.running import RunningDaemon, job_when, tiny
from tests.tui.screens import lines, sees, text, until
from tests.tui.test_with_daemon import watching
from wantui.tui.areas import Area

pytestmark = pytest.mark.anyio


async def test_the_plan_follows_the_parameters_and_never_the_prompt(
    daemon: RunningDaemon,
) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "✓ fits: ")
        await sees(pilot, "everything stays in memory as float32")
        before = next(line for line in lines(app) if "✓ fits" in line)
        app.screen.query_one(TextArea).text = "boats"
        app.screen.query_one("#field-size Input", Input).value = "256x256"
        app.screen.query_one("#field-frames Input", Input).value = "33"
        await until(pilot, lambda: "✓ fits" in text(app) and before not in text(app), "a new plan")
        assert app.screen.query_one(TextArea).text == "boats"


async def test_a_value_that_cannot_be_is_said_before_anything_is_sent(
    daemon: RunningDaemon,
) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "✓ fits: ")
        app.screen.query_one("#field-frames Input", Input).value = "6"
        await sees(pilot, "✗ 6 frames cannot be made")
        await sees(pilot, "nearest: 5")
        app.screen.query_one("#field-frames Input", Input).value = "five"
        await sees(pilot, "✗ 'five' is no whole number")
        assert "not as it is typed" in text(app)
        app.screen.query_one("#field-frames Input", Input).value = "5"
        await sees(pilot, "✓ fits: ")
        assert "✗" not in text(app)


async def test_another_model_is_planned_at_once(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "✓ fits: ")
        first = next(line for line in lines(app) if "✓ fits" in line)
        app.screen.query_one(Select).value = "t2v-a14b"
        await until(pilot, lambda: first not in text(app), "another plan")
        await sees(pilot, "fit")


async def test_the_hardware_area_says_what_fits_of_every_model(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await app.switch_mode(Area.HARDWARE)
        for words in ("what fits", "1280x720", "832x480", "demo 17f", "● all stays"):
            await sees(pilot, words)


async def test_the_models_area_tells_how_jobs_went(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        async with daemon.client() as client:
            job = await client.submit(tiny())
            await job_when(client, job.id, lambda job: job.state.finished)
        await app.switch_mode(Area.MODELS)
        await sees(pilot, "health")
        await pilot.press("G")
        await sees(pilot, "model       demo")
        await sees(pilot, "generations")
        assert "completed (" in text(app)
        await sees(pilot, "implemented yes: built")
