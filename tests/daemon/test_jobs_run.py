from __future__ import annotations

import hashlib
import io
import os
import select
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.running import RunningDaemon, job_when, queue_when, running_daemon, tiny
from wantui.api.job import Job, JobRequest, JobState, Stage, WaitsFor

pytestmark = pytest.mark.anyio


def long() -> JobRequest:
    """A demo job that is still running whenever a test looks."""
    return tiny(size="256x256", frames=33, steps=100)


def finished(job: Job) -> bool:
    return job.state.finished


def denoising(job: Job) -> bool:
    progress = job.progress
    return progress is not None and progress.stage is Stage.DENOISE and progress.step >= 1


def denoising_in(attempt: int) -> Callable[[Job], bool]:
    return lambda job: denoising(job) and len(job.attempts) == attempt


def worker_pid(job: Job) -> int:
    pid = job.attempts[-1].worker_pid
    assert pid is not None
    return pid


async def test_a_prompt_becomes_a_video_that_can_be_taken_away(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        accepted = await client.submit(tiny())
        done = await job_when(client, accepted.id, finished)
        video = b"".join([piece async for piece in client.output(done.id)])
        log = await client.log(str(done.id))
    assert done.state is JobState.COMPLETED
    assert done.output is not None
    assert hashlib.sha256(video).hexdigest() == done.output.sha256
    assert len(video) == done.output.bytes
    assert (done.output.width, done.output.height, done.output.frames) == (32, 32, 5)
    assert done.plan is not None
    assert done.timings is not None
    assert "denoise" in log.text


async def test_a_picture_becomes_the_first_frame(daemon: RunningDaemon) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(buffer, "PNG")
    async with daemon.client() as client:
        upload = await client.upload(buffer.getvalue())
        accepted = await client.submit(tiny(image=upload.id))
        done = await job_when(client, accepted.id, finished)
    assert done.state is JobState.COMPLETED
    assert done.params.image is not None
    kept = daemon.paths.job(done.id) / "image.png"
    assert kept.read_bytes() == buffer.getvalue()


async def test_a_running_job_is_cancelled_without_a_video(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        accepted = await client.submit(long())
        running = await job_when(client, accepted.id, denoising)
        assert (await client.cancel(accepted.id)).cancel_requested
        done = await job_when(client, accepted.id, finished)
        after = await client.submit(tiny())
        following = await job_when(client, after.id, finished)
    assert done.state is JobState.CANCELLED
    assert done.output is None
    left = {path.suffix for path in daemon.paths.job(done.id).iterdir()}
    assert left <= {".json", ".txt", ".webp"}, "more than the request, the log and a preview"
    assert following.state is JobState.COMPLETED
    assert worker_pid(following) == worker_pid(running)


async def test_a_running_job_that_is_held_waits_until_it_is_released(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        accepted = await client.submit(long())
        await job_when(client, accepted.id, denoising)
        assert (await client.hold(accepted.id)).hold_requested
        held = await job_when(client, accepted.id, lambda job: job.state is JobState.HELD)
        assert held.attempts[0].interrupted
        assert held.checkpoint_step is not None
        released = await client.release(accepted.id)
        assert released.state is JobState.QUEUED
        again = await job_when(client, accepted.id, denoising_in(2))
        assert again.attempts[1].from_step == held.checkpoint_step
        await client.cancel(accepted.id)
        await job_when(client, accepted.id, finished)


@pytest.mark.slow
async def test_a_worker_that_keeps_dying_fails_the_job_and_the_next_gets_a_fresh_one(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path, "[worker]\ncheckpoint_every_s = 1000.0\n") as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(long())
            for number in (1, 2):
                running = await job_when(client, accepted.id, denoising_in(number))
                os.kill(worker_pid(running), signal.SIGKILL)
            failed = await job_when(client, accepted.id, finished)
            after = await client.submit(tiny())
            following = await job_when(client, after.id, finished)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error.code == "worker_killed"
    assert "SIGKILL" in failed.error.message
    assert [attempt.error is not None for attempt in failed.attempts] == [True, True]
    assert following.state is JobState.COMPLETED
    assert worker_pid(following) != worker_pid(running)


async def test_a_job_whose_folder_cannot_be_made_fails_alone(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        before = await client.submit(tiny(hold=True))
        in_the_way = daemon.paths.job(before.id + 1)
        in_the_way.write_text("no folder")
        job = await client.submit(tiny())
        failed = await job_when(client, job.id, finished)
        await client.release(before.id)
        following = await job_when(client, before.id, finished)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error.code == "folder_unsafe"
    assert str(in_the_way) in failed.error.message
    assert following.state is JobState.COMPLETED


async def test_a_job_waits_for_weights_that_vanished_and_neither_jobs_nor_gpu_wait_with_it(
    tmp_path: Path,
) -> None:
    settings = "[worker]\nkeep_alive_s = 0.2\n"
    with running_daemon(tmp_path, settings) as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(tiny(hold=True))
    with sqlite3.connect(daemon.paths.database) as connection:  # as if its weights had been there
        connection.execute(
            "UPDATE jobs SET model = 'ti2v-5b', document = json_set(document, '$.model', 'ti2v-5b')"
        )
    connection.close()
    with running_daemon(tmp_path, settings) as daemon:
        async with daemon.client() as client:
            await client.release(accepted.id)
            other = await client.submit(tiny())
            lacking = await queue_when(client, lambda queue: bool(queue.lacking))
            done = await job_when(client, other.id, finished)
            waiting = await client.job(accepted.id)
            async for _ in client.follow():
                if not (await client.workers()).workers:
                    break
    assert done.state is JobState.COMPLETED
    assert waiting.waits_for == (WaitsFor.WEIGHTS,)
    assert lacking.reasons(waiting) == (WaitsFor.WEIGHTS,)


async def test_an_idle_worker_gives_its_memory_back(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "[worker]\nkeep_alive_s = 0.2\n") as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(tiny())
            done = await job_when(client, accepted.id, finished)
            async for _ in client.follow():
                if not (await client.workers()).workers:
                    break
    with pytest.raises(ProcessLookupError):
        os.kill(worker_pid(done), 0)


async def test_the_worker_dies_with_a_killed_daemon(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(long())
            running = await job_when(client, accepted.id, denoising)
        watched = os.pidfd_open(worker_pid(running))
        daemon.kill()
    assert select.select([watched], [], [], 5.0)[0], "the worker outlived its daemon"
    os.close(watched)
