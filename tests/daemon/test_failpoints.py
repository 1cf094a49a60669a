"""The daemon dies at a named place of a job's life; the next one knows all that was promised."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from wantui.api.job import Job, JobState
from wantui.api.move import Move
from wantui.client import Client
from wantui.errors import DaemonUnreachable
from wantui.failpoints import VARIABLE
from wantui.files import TEMPORARY_SUFFIX
from wantui.queue.crossing import NAMES

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SETTINGS = """
[queue]
max_crashes = {max_crashes}
[worker]
checkpoint_every_s = 0.0
"""
Play = Callable[[Client], Awaitable[None]]


async def _submit(client: Client) -> None:
    await client.submit(tiny("to its end"))


async def _cancel_waiting(client: Client) -> None:
    await client.cancel((await client.submit(tiny(hold=True))).id)


async def _hold_waiting(client: Client) -> None:
    await client.pause()
    await client.hold((await client.submit(tiny())).id)


async def _release(client: Client) -> None:
    await client.pause()
    await client.release((await client.submit(tiny(hold=True))).id)


async def _running(client: Client) -> Job:
    job = await client.submit(tiny(size="128x128", frames=17, steps=30))
    return await job_when(client, job.id, lambda job: (job.checkpoint_step or 0) > 0)


async def _cancel_running(client: Client) -> None:
    await client.cancel((await _running(client)).id)


async def _hold_running(client: Client) -> None:
    await client.hold((await _running(client)).id)


async def _kill_worker(client: Client) -> None:
    job = await client.submit(tiny(size="128x128", frames=17, steps=30))
    begun = await job_when(client, job.id, lambda job: bool(job.progress and job.progress.of))
    pid = begun.attempts[-1].worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def _cancel_what_it_comes_after(client: Client) -> None:
    first = await client.submit(tiny(hold=True))
    await client.submit(tiny(after=(first.id,)))
    await client.cancel(first.id)


async def _move(client: Client) -> None:
    await client.pause()
    await client.move((await client.submit(tiny())).id, Move(priority=MOVED_TO))


PLAYS: dict[str, Play] = {
    "accept": _submit,
    "claim": _submit,
    "start_worker": _submit,
    "checkpoint": _submit,
    "complete": _submit,
    "cancel": _cancel_waiting,
    "hold": _hold_waiting,
    "release": _release,
    "ask_to_cancel": _cancel_running,
    "stopped": _cancel_running,
    "ask_to_hold": _hold_running,
    "yield": _hold_running,
    "requeue": _kill_worker,
    "fail": _kill_worker,
    "refuse": _cancel_what_it_comes_after,
    "move": _move,
}
"""What leads to each change of a job that has a name."""
MOVED_TO = 5
MOMENTS = ("before", "within", "after")
ENDS: dict[str, tuple[JobState | None, JobState]] = {
    "accept": (None, JobState.COMPLETED),
    "cancel": (JobState.HELD, JobState.CANCELLED),
    "hold": (JobState.QUEUED, JobState.HELD),
    "release": (JobState.HELD, JobState.QUEUED),
    "ask_to_cancel": (JobState.COMPLETED, JobState.CANCELLED),
    "stopped": (JobState.CANCELLED, JobState.CANCELLED),
    "ask_to_hold": (JobState.COMPLETED, JobState.HELD),
    "yield": (JobState.HELD, JobState.HELD),
    "fail": (JobState.COMPLETED, JobState.FAILED),
    "refuse": (JobState.FAILED, JobState.FAILED),
    "move": (JobState.QUEUED, JobState.QUEUED),
}
"""What the job comes to in the next daemon, if the change was lost, and if it was kept; all others
are completed either way."""


def test_every_named_change_of_a_job_has_a_play_or_a_reason_for_none() -> None:
    unplayed = {
        "begin",  # only of an attempt that goes on from a checkpoint: `requeue` has one after it
        "other",  # a warning, a hold that was taken back
    }
    assert set(PLAYS) | unplayed == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("change", PLAYS)
async def test_a_daemon_that_dies_there_loses_nothing(
    tmp_path: Path, change: str, moment: str
) -> None:
    settings = SETTINGS.format(max_crashes=1 if change == "fail" else 2)
    with running_daemon(tmp_path, settings, more={VARIABLE: f"{change}.{moment}"}) as daemon:
        async with daemon.client() as client, asyncio.timeout(60):
            with contextlib.suppress(DaemonUnreachable):
                await PLAYS[change](client)
            await asyncio.to_thread(daemon.process.wait)
        assert daemon.process.returncode == -signal.SIGKILL
        del daemon.environment[VARIABLE]
        successor = daemon.restart()
        try:
            await _check(successor, change, kept=moment == "after")
        finally:
            successor.stop()


async def _check(daemon: RunningDaemon, change: str, *, kept: bool) -> None:
    lost_state, kept_state = ENDS.get(change, (JobState.COMPLETED, JobState.COMPLETED))
    wanted = kept_state if kept else lost_state
    async with daemon.client() as client:
        jobs = (await client.jobs()).jobs
        if wanted is None:
            assert jobs == ()
            return
        job = jobs[0]
        settled = await job_when(client, job.id, lambda job: job.state is wanted)
    assert settled.state is wanted
    assert settled.priority == (MOVED_TO if change == "move" and kept else 0)
    _check_folder(daemon.paths.job(job.id), settled)


def _check_folder(folder: Path, job: Job) -> None:
    """The output is whole or absent, and nothing is left of what was being written."""
    assert not list(folder.rglob(f"*{TEMPORARY_SUFFIX}"))
    if job.output is None:
        assert not list(folder.glob("*.mp4"))
    else:
        assert Path(job.output.path).stat().st_size == job.output.bytes


async def test_a_daemon_that_dies_as_a_job_goes_on_from_its_checkpoint_loses_nothing(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path, SETTINGS.format(max_crashes=2)) as daemon:
        async with daemon.client() as client:
            await _running(client)
        daemon.kill()
        daemon.environment[VARIABLE] = "begin.within"
        dying = daemon.restart()
        await asyncio.to_thread(dying.process.wait)
        del daemon.environment[VARIABLE]
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                done = await job_when(client, 1, lambda job: job.state.finished)
        finally:
            successor.stop()
    assert done.state is JobState.COMPLETED
    assert [attempt.daemon_died for attempt in done.attempts] == [True, True, False]
    assert done.attempts[-1].from_step > 0
