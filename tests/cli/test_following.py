"""A command that waits outlives a daemon that is away for a moment, however quiet the job was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.running import running_daemon, tiny
from wantui.api.job import JobState
from wantui.cli import following
from wantui.errors import DaemonUnreachable

pytestmark = pytest.mark.anyio


async def test_a_job_that_was_quiet_for_long_is_waited_for_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "PATIENCE_S", 2.0)
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            await client.pause()
            job = await client.submit(tiny())
            waiting = asyncio.create_task(following.wait_for_jobs(client, [job.id]))
            await asyncio.sleep(2.5)  # quiet for longer than the patience
            daemon.stop()
            await asyncio.sleep(0.5)
            successor = daemon.restart()
            await client.cancel(job.id)
            (ended,) = await waiting
            assert ended.state is JobState.CANCELLED
            told = capsys.readouterr().err
            assert "the daemon is away" in told
            assert "the daemon is back" in told
            job = await client.submit(tiny())
            waiting = asyncio.create_task(following.wait_for_jobs(client, [job.id]))
            await asyncio.sleep(0.5)
            successor.stop()
            with pytest.raises(DaemonUnreachable, match="went away"):
                await waiting
