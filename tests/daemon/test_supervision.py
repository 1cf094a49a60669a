"""Workers that hang, are killed, or outlive their daemon: each is told for what it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.pulling import when
from tests.running import RunningDaemon, job_when, queue_when, running_daemon, tiny
from wantui.api.job import Job, JobState
from wantui.api.worker import WorkerState
from wantui.client import Client
from wantui.daemon.children import Children
from wantui.daemon.job_folder import JobFolder
from wantui.errors import WeightsAbsent, WrongState
from wantui.process import started_at

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def finished(job: Job) -> bool:
    return job.state.finished


def at_work(job: Job) -> bool:
    return bool(job.progress and job.progress.of)


async def worker_pid(client: Client, job_id: int) -> int:
    job = await job_when(client, job_id, at_work)
    pid = job.attempts[-1].worker_pid
    assert pid is not None
    return pid


@pytest.mark.slow
async def test_a_worker_that_falls_silent_is_replaced_and_the_job_goes_on(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "[worker]\nheartbeat_timeout_s = 8.0\n") as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(size="128x128", frames=17, steps=30))
            stopped = await worker_pid(client, job.id)
            assert daemon.call("GET", "/readyz").status_code == 200
            os.kill(stopped, signal.SIGSTOP)
            while (answer := daemon.call("GET", "/readyz")).is_success:  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(0.1)
            told = answer.json()["error"]
            assert psutil.pid_exists(stopped)
            done = await job_when(client, job.id, finished)
        assert daemon.call("GET", "/readyz").status_code == 200
    assert told["code"] == "worker_hung"
    assert done.state is JobState.COMPLETED
    hung = done.attempts[0].error
    assert hung is not None
    assert hung.code == "worker_hung"
    assert hung.detail["beats"] is False
    assert not psutil.pid_exists(stopped)


async def hang(daemon: RunningDaemon, client: Client) -> Job:
    """A job whose worker waits for ever inside a system call: its log is a pipe nobody reads."""
    job = await client.submit(tiny(hold=True))
    os.mkfifo(JobFolder(daemon.paths.job(job.id)).log)
    await client.release(job.id)
    return await job_when(client, job.id, lambda job: job.state is JobState.RUNNING)


async def test_a_call_that_does_not_return_is_told_from_a_slow_step(tmp_path: Path) -> None:
    settings = "[worker]\nstep_timeout_s = 3.0\ntimeout_factor = 1.0\n[queue]\nmax_crashes = 1\n"
    with running_daemon(tmp_path, settings) as daemon:
        async with daemon.client() as client:
            job = await hang(daemon, client)
            failed = await job_when(client, job.id, finished)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error.code == "worker_hung"
    assert failed.error.detail["beats"] is True
    assert failed.error.detail["waited_s"] >= 3.0


async def test_a_cancel_that_is_not_honoured_costs_the_worker(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "[worker]\nstop_grace_s = 1.0\n") as daemon:
        async with daemon.client() as client:
            job = await hang(daemon, client)
            started = await job_when(client, job.id, lambda job: bool(job.attempts[-1].worker_pid))
            asked_at = time.monotonic()
            await client.cancel(job.id)
            await job_when(client, job.id, lambda job: job.state is JobState.CANCELLED)
            assert 1.0 <= time.monotonic() - asked_at < 20.0
    assert not psutil.pid_exists(started.attempts[-1].worker_pid or 0)


async def test_who_killed_a_worker_is_not_called_its_own_crash(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(size="128x128", frames=17, steps=30))
            os.kill(await worker_pid(client, job.id), signal.SIGKILL)
            done = await job_when(client, job.id, finished)
    assert done.state is JobState.COMPLETED
    killed = done.attempts[0].error
    assert killed is not None
    assert killed.code == "worker_killed"


async def test_a_worker_holds_neither_the_lock_nor_the_socket_nor_the_database(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(size="128x128", frames=17, steps=30))
            pid = await worker_pid(client, job.id)
            held = open_files(pid)
            await client.cancel(job.id)
        ours = {str(daemon.paths.lock), str(daemon.paths.database)}
        listening = f"socket:[{_inode_of_socket(daemon.paths.socket)}]"
        daemons = open_files(daemon.pid)
    assert ours <= daemons
    assert listening in daemons
    assert not held & (ours | {listening})
    sockets = {entry for entry in held if entry.startswith("socket:")}
    assert len(sockets) == 1, "the worker has more than its pipe"


def open_files(pid: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(entry.readlink()))
    return found


def _inode_of_socket(path: Path) -> str:
    lines = Path("/proc/net/unix").read_text("utf-8").splitlines()
    return next(line.split()[6] for line in lines if line.endswith(f" {path}"))


def test_what_outlives_its_daemon_is_ended_by_the_next_one(tmp_path: Path) -> None:
    with (
        running_daemon(tmp_path) as daemon,
        subprocess.Popen(SLEEP, start_new_session=True) as left,
        subprocess.Popen(SLEEP, start_new_session=True) as stranger,
    ):
        daemon.stop()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        folder = daemon.paths.children
        (folder / str(left.pid)).write_text(f"{started_at(left.pid)} {boot} wantui.worker")
        (folder / str(stranger.pid)).write_text(f"1 {boot} wantui.worker")
        (folder / "999999999").write_text(f"1 {boot} wantui.fetcher")
        (folder / "half").touch()
        successor = daemon.restart()
        try:
            assert left.wait(10) == -signal.SIGKILL
            assert stranger.poll() is None, "a process that took an old id was killed"
            assert list(folder.iterdir()) == []
        finally:
            successor.stop()
            stranger.kill()


async def test_children_are_noted_while_they_run(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny())
            await job_when(client, job.id, finished)
            (worker,) = (await client.workers()).workers
            (note,) = daemon.paths.children.iterdir()
            assert note.name == str(worker.pid)
            assert note.read_text("utf-8").split()[0] == str(started_at(worker.pid or 0))
            await client.unload("demo")
        assert list(daemon.paths.children.iterdir()) == []


def test_notes_of_another_boot_mean_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "children"
    folder.mkdir(mode=0o700)
    with subprocess.Popen(SLEEP, start_new_session=True) as process:
        note = f"{started_at(process.pid)} 00000000-0000-0000-0000-000000000000 wantui.worker"
        (folder / str(process.pid)).write_text(note)
        assert Children(folder).reap() == []
        assert process.poll() is None
        process.kill()


async def verified(client: Client) -> None:
    """As `wantui load` has it done first."""
    asked = await client.verify("demo")
    await when(client, asked.id, lambda download: not download.state.open)


async def test_a_model_is_loaded_before_any_job_and_let_go_when_told(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "[worker]\nkeep_alive_s = 0.1\n") as daemon:
        async with daemon.client() as client:
            with pytest.raises(WeightsAbsent, match="verified"):
                await client.load("demo")
            await verified(client)
            loaded = await client.load("demo")
            assert (loaded.model, loaded.state) == ("demo", WorkerState.IDLE)
            assert (loaded.pinned, loaded.kept_until) == (True, None)
            assert (await client.model("demo")).loaded
            job = await client.submit(tiny())
            done = await job_when(client, job.id, finished)
            assert done.attempts[0].worker_pid == loaded.pid
            (still,) = (await client.workers()).workers
            assert (still.pid, still.pinned) == (loaded.pid, True)
            assert (await client.unload("demo")).workers == ()
            assert not (await client.model("demo")).loaded


async def test_a_model_that_was_loaded_for_a_time_goes_by_itself(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            await verified(client)
            loaded = await client.load("demo", keep_alive_s=1.0)
            assert loaded.kept_until is not None
            assert loaded.kept_until <= time.time() + 1.0
            async for _ in client.follow():
                if not (await client.workers()).workers:
                    break


async def test_a_device_at_work_loads_nothing_else_and_says_what_it_is_at(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(size="128x128", frames=17, steps=30))
            await worker_pid(client, job.id)
            with pytest.raises(WrongState, match=f"job {job.id}"):
                await client.load("demo")
            with pytest.raises(WrongState, match=f"job {job.id}"):
                await client.unload("demo")
            await client.cancel(job.id)


async def test_a_stop_keeps_the_last_step_of_the_running_job(tmp_path: Path) -> None:
    settings = "[daemon]\nshutdown_grace_s = 0.1\n[worker]\ncheckpoint_every_s = 1000.0\n"
    with running_daemon(tmp_path, settings) as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(size="128x128", frames=17, steps=30))
            await job_when(
                client,
                job.id,
                lambda job: bool(
                    job.progress and job.progress.stage == "denoise" and job.progress.step > 2
                ),
            )
        assert daemon.stop() == 0
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                done = await job_when(client, job.id, finished)
        finally:
            successor.stop()
    assert done.attempts[0].interrupted
    assert not done.attempts[0].daemon_died
    assert done.attempts[1].from_step > 2


async def kill_worker(client: Client, job_id: int, attempt: int) -> None:
    """Of the job's attempt with that number, once it works."""
    met = await job_when(client, job_id, lambda job: at_work(job) and len(job.attempts) == attempt)
    pid = met.attempts[-1].worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
async def test_workers_that_keep_crashing_are_given_time(tmp_path: Path) -> None:
    """A device that is broken must not use up the attempts of a whole queue in a minute."""
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            job = await client.submit(tiny(size="128x128", frames=17, steps=30, seed=1))
            waiting = await client.submit(tiny(seed=2))
            for attempt in (1, 2):
                await kill_worker(client, job.id, attempt)
            await queue_when(client, lambda queue: "worker" in queue.waits_for)
            assert (await client.job(waiting.id)).waits_for == ("worker",)
            done = await job_when(client, waiting.id, finished)
    assert done.state is JobState.COMPLETED
