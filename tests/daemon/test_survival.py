from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.running import job_when, running_daemon, tiny
from wantui.api.job import Job, JobState
from wantui.errors import QueueFull

pytestmark = pytest.mark.anyio


def identity(job: Job) -> tuple[int, JobState, str, int]:
    return job.id, job.state, job.params.prompt, job.params.seed


async def test_queued_jobs_survive_a_kill_of_the_daemon(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            await client.pause()
            accepted = [await client.submit(tiny(f"clip {n}")) for n in range(3)]
            held = await client.hold(accepted[2].id)
        daemon.kill()
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                status = await client.status()
                assert status.queue.paused
                before = [identity(job) for job in (*accepted[:2], held)]
                assert [identity(job) for job in status.jobs] == before
                later = await client.submit(tiny("another"))
                assert later.id > held.id
        finally:
            successor.stop()


async def test_a_job_cut_short_by_a_kill_runs_again_without_blame(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(tiny(size="128x128", frames=17, steps=60))
            running = await job_when(client, accepted.id, denoising)
        daemon.kill()
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                done = await job_when(client, accepted.id, lambda job: job.state.finished)
        finally:
            successor.stop()
    assert done.state is JobState.COMPLETED
    assert [attempt.interrupted for attempt in done.attempts] == [True, False]
    assert done.params == running.params
    assert [attempt.error for attempt in done.attempts] == [None, None]


async def test_a_job_cut_short_by_a_kill_goes_on_where_it_was_to_the_same_frames(
    tmp_path: Path,
) -> None:
    request = tiny(size="128x128", frames=17, steps=12)
    with running_daemon(tmp_path, "[worker]\ncheckpoint_every_s = 0.0\n") as daemon:
        async with daemon.client() as client:
            whole = await job_when(client, (await client.submit(request)).id, finished)
            accepted = await client.submit(request)
            kept = await job_when(client, accepted.id, lambda job: (job.checkpoint_step or 0) > 2)
        daemon.kill()
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                done = await job_when(client, accepted.id, finished)
        finally:
            successor.stop()
    assert done.output is not None
    assert whole.output is not None
    assert done.output.frames_sha256 == whole.output.frames_sha256
    assert kept.checkpoint_step is not None
    assert done.attempts[1].from_step >= kept.checkpoint_step
    assert not (daemon.paths.job(done.id) / "checkpoint.safetensors").exists()


async def test_a_stop_puts_the_running_job_back(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "[daemon]\nshutdown_grace_s = 0.1\n") as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(tiny(size="256x256", frames=33, steps=100))
            await job_when(client, accepted.id, denoising)
        assert daemon.stop() == 0
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                job = await client.job(accepted.id)
                assert job.attempts[0].interrupted
                assert not job.state.finished
        finally:
            successor.kill()


async def test_a_job_during_which_the_daemon_keeps_dying_is_held_as_suspect(
    tmp_path: Path,
) -> None:
    settings = "[queue]\nmax_interruptions = 2\n[worker]\ncheckpoint_every_s = 1000.0\n"
    with running_daemon(tmp_path, settings) as first:
        daemon = first
        async with daemon.client() as client:
            accepted = await client.submit(tiny(size="256x256", frames=33, steps=100))
        for _ in range(2):
            async with daemon.client() as client:
                await job_when(client, accepted.id, lambda job: job.state is JobState.RUNNING)
            daemon.kill()
            daemon = daemon.restart()
        async with daemon.client() as client:
            job = await client.job(accepted.id)
        daemon.stop()
    assert job.state is JobState.HELD
    assert [warning.code for warning in job.warnings] == ["suspect"]


async def test_a_full_queue_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "[queue]\nmax_unfinished = 2\n") as daemon:
        async with daemon.client() as client:
            await client.pause()
            kept = [await client.submit(tiny()) for _ in range(2)]
            with pytest.raises(QueueFull):
                await client.submit(tiny())
            await client.cancel(kept[0].id)
            await client.submit(tiny())
            counts = (await client.queue()).counts
    assert counts[JobState.QUEUED] == 2


async def test_the_request_is_kept_in_the_job_folder(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(hold=True))
        request = json.loads((daemon.paths.job(job.id) / "request.json").read_text("utf-8"))
    assert request["params"]["prompt"] == "a red circle"
    assert request["id"] == job.id


def finished(job: Job) -> bool:
    return job.state.finished


def denoising(job: Job) -> bool:
    return job.progress is not None and job.progress.stage == "denoise" and job.progress.step >= 1
