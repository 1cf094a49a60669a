"""A command that waits outlives a daemon that is away for a moment, however quiet the job was."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.cli.command import WANTUI
from tests.hub import Fault
from tests.pulling import SHARD, daemon_with, hub_with_ti2v, when
from tests.running import running_daemon, tiny
from wantui.api.download import DownloadState
from wantui.api.job import JobState
from wantui.cli import following, patience
from wantui.cli.narrated_download import wait_for_download
from wantui.errors import DaemonUnreachable

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_a_job_that_was_quiet_for_long_is_waited_for_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 2.0)
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


async def test_a_pull_is_followed_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_with_ti2v() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        hub.faults = [Fault(SHARD, bytes_a_second=400_000)]
        async with daemon.client() as client:
            asked = await client.pull("ti2v-5b")
            waiting = asyncio.create_task(wait_for_download(client, asked.id))
            await when(client, asked.id, lambda download: download.bytes_done > 500_000)
            await asyncio.to_thread(daemon.stop)
            successor = await asyncio.to_thread(daemon.restart)
            done = await waiting
        successor.stop()
    assert done.state is DownloadState.COMPLETED
    told = capsys.readouterr().err
    assert "the daemon is away" in told
    assert "the daemon is back" in told


def test_a_log_is_followed_over_a_restart(tmp_path: Path) -> None:
    with (
        running_daemon(tmp_path) as daemon,
        subprocess.Popen(
            [*WANTUI, "logs", "-f"], env=daemon.environment, stdout=PIPE, stderr=PIPE, text=True
        ) as following,
    ):
        assert following.stdout is not None
        seen = iter(following.stdout)
        assert any("listens at" in line for line in seen)
        daemon.stop()
        successor = daemon.restart()
        assert any("listens at" in line for line in seen)
        following.terminate()
        successor.stop()
