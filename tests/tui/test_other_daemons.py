"""Daemons that are not as one wants them: of another version, full, or with nothing to run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import TextArea

from tests import made
from tests.running import RunningDaemon, running_daemon, tiny
from tests.tui.conftest import Unconnected
from tests.tui.screens import sees, session_of, show, text, until
from tests.tui.test_bridge import answering, hello
from tests.tui.test_with_daemon import watching
from wantui.paths import Paths
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area

pytestmark = pytest.mark.anyio


@pytest.fixture
def small_queue(tmp_path: Path) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path, "[queue]\nmax_unfinished = 1\n") as daemon:
        yield daemon


async def test_a_full_queue_is_said_and_the_prompt_stays(small_queue: RunningDaemon) -> None:
    async with watching(small_queue) as (app, pilot):
        async with small_queue.client() as client:
            await client.pause()
            await client.submit(tiny("first"))
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats", "ctrl+s")
        await sees(pilot, "✗ the queue is full: 1 not finished; wait for jobs to finish")
        assert app.screen.query_one(TextArea).text == "boats"
        assert len(session_of(app).state.jobs) == 1


async def test_a_daemon_that_speaks_another_api_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "s"
    monkeypatch.setenv("WANTUI_HOST", f"unix://{socket}")
    app = WantuiApp(Paths.from_environment({"WANTUI_HOME": str(tmp_path)}))
    answers = {"/api/hello": hello(api_version=2, version="9.0.0")}
    async with answering(socket, answers), app.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "✗ versions differ  run: wantui daemon restart")
        await pilot.press("escape", "2")
        await sees(pilot, "no jobs yet")


async def test_a_daemon_of_another_release_works_and_is_named(app_alone: Unconnected) -> None:
    async with app_alone((100, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        status = made.status(made.job(1))
        older = status.hello.model_copy(update={"version": "0.0.9"})
        await show(pilot, status.model_copy(update={"hello": older}), Area.QUEUE)
        said = f"! daemon 0.0.9, this is {made.hello().version}"
        await until(pilot, lambda: f"● connected  {said}" in text(app), said)
        assert "prompt of job 1" in text(app)
