"""A database that does not open: nothing of it is touched, and there is a way to go on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import RunningDaemon, environment_for, job_when, running_daemon, tiny
from wantui.api.job import Job
from wantui.paths import Paths

pytestmark = pytest.mark.timeout(120)


def set_aside(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wantui", "daemon", "set-aside"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def completed(daemon: RunningDaemon) -> Job:
    async with daemon.client() as client:
        job = await client.submit(tiny())
        return await job_when(client, job.id, lambda job: job.state.finished)


async def first_of_a_new_queue(daemon: RunningDaemon) -> int:
    async with daemon.client() as client:
        assert (await client.jobs()).jobs == ()
        return (await client.submit(tiny(hold=True))).id


def test_a_daemon_starts_anew_beside_a_database_that_is_kept(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        done = asyncio.run(completed(daemon))
        assert done.output is not None
        video = Path(done.output.path).read_bytes()
        refused = set_aside(daemon.environment)
        assert refused.returncode == 1
        assert "a daemon is running" in refused.stderr
        daemon.stop()
        good = set_aside(daemon.environment)
        assert good.returncode == 1
        assert "opens: it is good" in good.stderr

        damaged = b"this was a database" + daemon.paths.database.read_bytes()[19:]
        daemon.paths.database.write_bytes(damaged)
        failed = spawn_and_hear(daemon.environment)
        assert "wantui daemon set-aside && wantui daemon start" in failed
        assert daemon.paths.database.read_bytes() == damaged

        moved = set_aside(daemon.environment)
        assert moved.returncode == 0, moved.stderr
        aside = Path(moved.stdout.strip())
        assert (aside / "wantui.db").read_bytes() == damaged
        assert not daemon.paths.database.exists()
        successor = daemon.restart()
        try:
            again = asyncio.run(first_of_a_new_queue(successor))
        finally:
            successor.stop()
    assert again == done.id + 1, "a number whose folder is there is not used again"
    assert Path(done.output.path).read_bytes() == video


def spawn_and_hear(environment: dict[str, str]) -> str:
    """What a daemon says that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "wantui.daemon", "run"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    return done.stderr


def test_without_a_database_there_is_nothing_to_set_aside(tmp_path: Path) -> None:
    environment = environment_for(tmp_path)
    refused = set_aside(environment)
    assert refused.returncode == 1
    assert "there is no" in refused.stderr
    assert not Paths.from_environment(environment).aside.exists()
