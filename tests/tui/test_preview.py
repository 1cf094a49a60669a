"""A running job's preview beside the list: small, seldom, and only where there is room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.running import RunningDaemon, job_when, tiny
from tests.tui.screens import sees, text, until
from tests.tui.test_with_daemon import watching
from wantui.api.job import JobState
from wantui.tui.areas import Area
from wantui.tui.widgets.preview import BYTES_A_SECOND, FASTEST, Preview, affordable_fps

pytestmark = pytest.mark.anyio


@given(st.floats(0, 60), st.floats(0, 1e6))
def test_frames_move_as_fast_as_the_line_allows_or_stand(fps: float, frame_bytes: float) -> None:
    affordable = affordable_fps(fps, frame_bytes)
    assert 0 <= affordable <= min(fps, FASTEST)
    assert affordable * frame_bytes <= BYTES_A_SECOND * 1.001


async def test_a_running_job_is_seen_as_it_comes_along_and_gone_when_it_ends(
    daemon: RunningDaemon,
) -> None:
    async with watching(daemon) as (app, pilot):
        await pilot.resize_terminal(120, 40)
        await app.switch_mode(Area.QUEUE)
        async with daemon.client() as client:
            job = await client.submit(tiny("a circle", size="256x256", frames=33, steps=100))
            await job_when(client, job.id, lambda job: job.state is JobState.RUNNING)
            await sees(pilot, f"job {job.id} as it comes along")
            await until(pilot, lambda: "▀" in text(app), "a picture")
            await pilot.resize_terminal(80, 24)
            await until(pilot, lambda: "as it comes along" not in text(app), "no room for it")
            await pilot.resize_terminal(120, 40)
            await sees(pilot, f"job {job.id} as it comes along")
            await client.cancel(job.id)
            await job_when(client, job.id, lambda job: job.state.finished)
        await until(pilot, lambda: "as it comes along" not in text(app), "no preview")
        assert not app.screen.query_one(Preview).has_class("-seen")
