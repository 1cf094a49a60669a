"""A worker whose memory is really too small: the job goes on by a leaner plan, and only once.

The kernel limits it, from outside: what it maps beyond that is refused, as by a machine that has no
more. The VAE decodes a large picture whole in about 800 MB, and in tiles in less than half of that.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from wantui.api.job import Job, JobRequest, JobState, Stage
from wantui.client import Client
from wantui.paths import demo_weights

pytestmark = pytest.mark.anyio

LARGE = f"""
id = "demo:large"
extends = "demo"
folder = "{demo_weights()}"

[limits]
size_multiple = 32
sizes = ["128x128"]
min_side = 32
max_pixels = 524_288
max_frames = 33
frame_stride = 4
max_steps = 100
max_prompt_characters = 10_000
text_tokens = 64
"""
ROOM_BYTES = 560_000_000


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningDaemon]:
    models = tmp_path / "config" / "models"
    models.mkdir(parents=True)
    (models / "large.toml").write_text(LARGE)
    with running_daemon(tmp_path) as daemon:
        yield daemon


def large(**fields: Any) -> JobRequest:
    return tiny(model="demo:large", size="1024x384", **fields)


async def finished(client: Client, request: JobRequest) -> Job:
    job = await client.submit(request)
    return await job_when(client, job.id, lambda job: job.state.finished)


def limit(pid: int, more_bytes: int) -> None:
    """Let a process map so much more than it has now, and no more."""
    status = Path(f"/proc/{pid}/status").read_text()
    (data,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmData"))
    most = int(data) * 1024 + more_bytes
    resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


async def worker_pid(client: Client) -> int:
    (worker,) = (await client.workers()).workers
    assert worker.pid is not None
    return worker.pid


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_decode_that_runs_out_of_memory_is_done_in_tiles_and_so_is_the_next_of_its_kind(
    own: RunningDaemon,
) -> None:
    async with own.client() as client:
        await finished(client, tiny(model="demo:large"))
        limit(await worker_pid(client), ROOM_BYTES)
        first = await finished(client, large())
        second = await finished(client, large(seed=8))
    assert first.state is JobState.COMPLETED, first.attempts
    failed, ran = first.attempts
    assert failed.error is not None
    assert failed.error.code == "out_of_memory"
    assert failed.error.detail["stage"] == Stage.DECODE
    assert ran.from_step == first.params.steps  # only decoding was done again
    assert first.asked_plan is not None
    assert not first.asked_plan.tiled_decode
    assert first.plan is not None
    assert first.plan.tiled_decode
    assert [warning.code for warning in first.warnings] == ["planned_lower"]
    assert "decoded in tiles" in first.warnings[0].message
    assert len(second.attempts) == 1
    assert second.plan is not None
    assert second.plan.tiled_decode
    own.stop()
    following = own.restart()
    try:
        async with following.client() as client:
            third = await client.submit(large(hold=True))
    finally:
        following.stop()
    assert third.asked_plan is not None
    assert third.asked_plan.tiled_decode  # the next daemon knows it too
