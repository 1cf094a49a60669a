"""The queue of a real daemon: batches, keys, dependencies, later starts, other tries, cleaning."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import RunningDaemon, job_when, queue_when, running_daemon, tiny
from wantui.api.batch import BatchRequest, RetryRequest
from wantui.api.cleaning import CleanRequest, What
from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.move import Move
from wantui.api.status import Status
from wantui.client import Address, Client
from wantui.client.insist import insist
from wantui.daemon.cleaning import ASIDE
from wantui.errors import (
    DependencyFailed,
    InvalidRequest,
    KeyReused,
    QueueFull,
    UnknownJob,
    WantuiError,
    WrongState,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


@pytest.fixture
def paused_daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """Nothing is started, so that what waits stays as it is."""
    with running_daemon(tmp_path, "[queue]\nmax_unfinished = 30\n") as daemon:
        daemon.call("POST", "/api/queue/pause")
        yield daemon


def completed(job: Job) -> bool:
    return job.state is JobState.COMPLETED


def size_of(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


async def test_a_batch_is_accepted_as_a_whole_or_not_at_all(paused_daemon: RunningDaemon) -> None:
    async with paused_daemon.client() as client:
        batch = await client.submit_batch(BatchRequest(jobs=tuple(tiny(seed=n) for n in range(4))))
        assert [job.id for job in batch.jobs] == [1, 2, 3, 4]
        assert [job.params.seed for job in batch.jobs] == [0, 1, 2, 3]
        assert {job.batch for job in batch.jobs} == {1}
        refusals: list[tuple[BatchRequest, type[WantuiError], str]] = [
            (BatchRequest(jobs=(tiny(), tiny(frames=6))), InvalidRequest, "jobs[1]: frames"),
            (BatchRequest(jobs=(tiny(), tiny(after=[99]))), InvalidRequest, "jobs[1]: after"),
            (BatchRequest(jobs=(tiny(),) * 27), QueueFull, "the queue is full: 4 "),
        ]
        for request, error, said in refusals:
            with pytest.raises(error) as raised:
                await client.submit_batch(request)
            assert raised.value.message.startswith(said)
        assert len((await client.status()).jobs) == 4


async def test_the_same_key_is_the_same_jobs_and_another_request_is_refused(
    paused_daemon: RunningDaemon,
) -> None:
    async with paused_daemon.client() as client:
        first = await client.submit(tiny(), "mine")
        assert (await client.submit(tiny(), "mine")).id == first.id
        with pytest.raises(KeyReused):
            await client.submit(tiny(seed=8), "mine")
        batch = BatchRequest(jobs=(tiny(), tiny()))
        with pytest.raises(KeyReused):
            await client.submit_batch(batch, "mine")
        ids = [job.id for job in (await client.submit_batch(batch, "ours")).jobs]
        await client.cancel(ids[0])
        paused_daemon.kill()
    successor = paused_daemon.restart()
    try:
        async with successor.client() as client:
            again = await client.submit_batch(batch, "ours")
            assert [job.id for job in again.jobs] == ids
            assert [job.state for job in again.jobs] == [JobState.CANCELLED, JobState.QUEUED]
            assert await client.submit(tiny()) != first
    finally:
        successor.stop()


async def test_twenty_at_once_with_one_key_are_one_job(paused_daemon: RunningDaemon) -> None:
    async with paused_daemon.client() as client:
        jobs = await asyncio.gather(*(client.submit(tiny(), "one") for _ in range(20)))
        assert {job.id for job in jobs} == {1}
        assert len((await client.status()).jobs) == 1


async def test_a_submission_whose_answer_a_kill_took_is_one_job(
    paused_daemon: RunningDaemon,
) -> None:
    """The request is sent, and nobody listens to what is answered."""
    body = tiny().model_dump_json(exclude_unset=True).encode()
    daemon, keys = paused_daemon, list[str]()
    client = Client(Address(daemon.paths.socket, own=True))

    async def send(key: str) -> Job:
        keys.append(key)
        if len(keys) > 1:
            return await client.submit(tiny(), key)
        head = (
            f"POST /api/jobs HTTP/1.1\r\nHost: wantui\r\nIdempotency-Key: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(daemon.paths.socket))
            line.sendall(head.encode() + body)
            await queue_when(client, lambda queue: queue.counts[JobState.QUEUED] == 1)
            daemon.kill()
        return await client.submit(tiny(), key)

    async def away() -> None:
        nonlocal daemon
        daemon = daemon.restart()

    try:
        job = await insist(send, away=away)
        assert job.id == 1
        assert len(keys) == 2
        assert len(set(keys)) == 1
        assert len((await client.status()).jobs) == 1
    finally:
        daemon.stop()


async def test_a_job_runs_after_those_that_it_comes_after(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        await client.pause()
        first = await client.submit(tiny())
        second = await client.submit(tiny(after=[first.id], priority=9))
        assert second.unmet == (first.id,)
        assert WaitsFor.DEPENDENCY in second.waits_for
        await client.resume()
        done = await job_when(client, second.id, completed)
        before = await client.job(first.id)
    assert before.finished_at is not None
    assert done.started_at is not None
    assert before.finished_at <= done.started_at
    assert (done.after, done.unmet) == ((first.id,), ())


async def test_what_comes_after_a_job_that_does_not_end_well_fails_with_it_over_a_kill(
    paused_daemon: RunningDaemon,
) -> None:
    async with paused_daemon.client() as client:
        first = await client.submit(tiny())
        second = await client.submit(tiny(after=[first.id]))
        third = await client.submit(tiny(after=[second.id], hold=True))
        other = await client.submit(tiny())
        await client.cancel(first.id)
        paused_daemon.kill()
    successor = paused_daemon.restart()
    try:
        async with successor.client() as client:
            failed = [
                await job_when(client, job.id, lambda job: job.state.finished)
                for job in (second, third)
            ]
            assert [job.state for job in failed] == [JobState.FAILED, JobState.FAILED]
            codes = [(job.error.code, job.error.detail) for job in failed if job.error]
            assert codes == [
                (DependencyFailed.code, {"job": first.id}),
                (DependencyFailed.code, {"job": second.id}),
            ]
            with pytest.raises(DependencyFailed):
                await client.submit(tiny(after=[first.id]))
            assert (await client.job(other.id)).state is JobState.QUEUED
            retried = await client.retry(first.id, RetryRequest())
            again = await client.retry(second.id, RetryRequest())
            assert again.after == (retried.id,)
    finally:
        successor.stop()


async def test_a_job_starts_when_its_time_has_come_and_not_before(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        warm = await client.submit(tiny())
        await job_when(client, warm.id, completed)
        start_at = time.time() + 1.5
        job = await client.submit(tiny(start_at=start_at))
        assert job.waits_for == (WaitsFor.TIME,)
        sooner = await client.submit(tiny())
        done = await job_when(client, job.id, completed)
        overtook = await client.job(sooner.id)
    assert done.started_at is not None
    assert done.started_at >= start_at
    assert overtook.started_at is not None
    assert overtook.started_at < start_at


async def test_what_was_moved_stands_there_after_a_restart(paused_daemon: RunningDaemon) -> None:
    async with paused_daemon.client() as client:
        ids = [(await client.submit(tiny())).id for _ in range(5)]
        await client.move(ids[4], Move(before=ids[1]))
        await client.move(ids[2], Move(priority=1))
        for wrong in (Move(), Move(before=ids[0], after=ids[1]), Move(priority=101)):
            with pytest.raises(InvalidRequest):
                await client.move(ids[0], wrong)
        with pytest.raises(UnknownJob):
            await client.move(ids[0], Move(before=99))
        paused_daemon.kill()
    successor = paused_daemon.restart()
    try:
        async with successor.client() as client:
            shown = [job.id for job in (await client.status()).jobs]
            assert shown == [ids[2], ids[0], ids[4], ids[1], ids[3]]
            await client.cancel(ids[0])
            with pytest.raises(WrongState):
                await client.move(ids[0], Move(priority=1))
    finally:
        successor.stop()


async def test_another_try_goes_on_from_what_a_failed_one_kept(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        made = await client.submit(tiny())
        expected = await job_when(client, made.id, completed)
        job = await client.submit(tiny(hold=True, priority=3))
        (daemon.paths.job(job.id) / "output.mp4").mkdir()  # where its video is to go
        await client.release(job.id)
        failed = await job_when(client, job.id, lambda job: job.state is JobState.FAILED)
        assert failed.checkpoint_step == 2
        other = await client.retry(job.id, RetryRequest(seed=8, hold=True))
        assert (other.state, other.params.seed) == (JobState.HELD, 8)
        assert other.checkpoint_step is None
        again = await client.retry(job.id, RetryRequest(label="again"))
        assert (again.retry_of, again.label, again.priority) == (job.id, "again", 3)
        assert again.params == job.params
        done = await job_when(client, again.id, lambda job: job.state.finished)
        assert done.attempts[0].from_step == 2
        with pytest.raises(UnknownJob):
            await client.retry(10**9, RetryRequest())
        with pytest.raises(WrongState):
            await client.retry(other.id, RetryRequest())
        await client.cancel(other.id)
    assert done.output is not None
    assert expected.output is not None
    assert done.output.frames_sha256 == expected.output.frames_sha256


async def test_cleaning_frees_to_the_byte_what_its_plan_says(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            made = await client.submit(tiny(label="keep"))
            await job_when(client, made.id, completed)
            cancelled = await client.submit(tiny(hold=True))
            waiting = await client.submit(tiny(hold=True))
            await client.cancel(cancelled.id)
            jobs = daemon.paths.jobs
            before = size_of(jobs)
            plan = await client.clean(CleanRequest(), dry_run=True)
            assert [item.job for item in plan.items] == [cancelled.id]
            assert (plan.done, size_of(jobs)) == (False, before)
            cleaned = await client.clean(CleanRequest(), dry_run=False)
            assert (cleaned.done, cleaned.items) == (True, plan.items)
            assert before - size_of(jobs) == plan.freed_bytes > 0
            for job_id, error in ((waiting.id, WrongState), (cancelled.id, UnknownJob)):
                with pytest.raises(error):
                    await client.remove_job(job_id, dry_run=False)
            plan = await client.remove_job(made.id, dry_run=True)
            assert plan.items[0].video
            before = size_of(jobs)
            await client.remove_job(made.id, dry_run=False)
            assert before - size_of(jobs) == plan.freed_bytes
            assert not daemon.paths.job(made.id).exists()
            assert [job.id for job in (await client.status()).jobs] == [waiting.id]
            assert (await client.queue()).counts[JobState.COMPLETED] == 0
            assert (await client.submit(tiny(hold=True))).id > waiting.id
            assert What.JOB is plan.items[0].what


async def test_those_who_watch_are_told_which_jobs_are_gone(paused_daemon: RunningDaemon) -> None:
    async with paused_daemon.client() as client:
        job = await client.submit(tiny())
        await client.cancel(job.id)
        async for item in client.follow():
            if isinstance(item, Status):
                await client.remove_job(job.id, dry_run=False)
            elif item.kind == "gone":
                assert item.object.model_dump(mode="json")["jobs"] == [job.id]
                return


async def test_a_kill_between_a_folder_and_its_row_leaves_all_of_a_job_or_none(
    paused_daemon: RunningDaemon,
) -> None:
    async with paused_daemon.client() as client:
        job = await client.submit(tiny())
        await client.cancel(job.id)
        paused_daemon.kill()
    folder = paused_daemon.paths.job(job.id)
    content = sorted(path.name for path in folder.iterdir())
    folder.rename(folder.with_name(f"{ASIDE}{job.id}"))
    forgotten = paused_daemon.paths.jobs / f"{ASIDE}77"
    shutil.copytree(folder.with_name(f"{ASIDE}{job.id}"), forgotten)
    successor = paused_daemon.restart()
    try:
        assert sorted(path.name for path in folder.iterdir()) == content
        assert not forgotten.exists()
    finally:
        successor.stop()


async def test_rules_of_the_settings_are_kept_by_the_daemon_itself(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            ids = [(await client.submit(tiny(seed=seed))).id for seed in (1, 2, 3)]
            await job_when(client, ids[-1], completed)
    with running_daemon(tmp_path, "[retention]\nvideos = 1\n") as daemon:
        async with daemon.client() as client:
            await queue_when(client, lambda queue: queue.counts[JobState.COMPLETED] == 1)
            assert [job.id for job in (await client.status()).jobs] == [ids[-1]]
            assert [path.name for path in daemon.paths.jobs.iterdir()] == [str(ids[-1])]


async def test_history_is_searched_over_the_api(paused_daemon: RunningDaemon) -> None:
    async with paused_daemon.client() as client:
        first = await client.submit(tiny("A Red Circle", label="sweep"))
        second = await client.submit(tiny("a blue square"))
        await client.cancel(first.id)

        async def found(**wanted: str | float) -> list[int]:
            return [job.id for job in (await client.find_jobs(wanted, limit=9)).jobs]

        assert await found(search="circle red") == [first.id]
        assert await found(label="sweep") == [first.id]
        assert await found(state="queued") == [second.id]
        assert await found(owner=os.getuid()) == [second.id, first.id]
        assert await found(owner=os.getuid() + 1) == []
        assert await found(since=time.time() + 60) == []
