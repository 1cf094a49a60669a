"""`wantui daemon restart` in the middle of everything: nothing is lost, who listened is told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.command import PATIENCE_S, WANTUI, document, wantui
from tests.pulling import daemon_with, hub_with_ti2v, when
from tests.running import job_when, tiny
from wantui.api.download import DownloadState
from wantui.api.job import Job, JobState
from wantui.client import Client

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SLOWLY = "max_bytes_per_second = 400000\n[daemon]\nshutdown_grace_s = 0.2\n"


async def test_a_restart_under_load_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        hub_with_ti2v() as hub,
        daemon_with(hub, tmp_path, monkeypatch, store=SLOWLY) as daemon,
        listener(daemon.environment) as listening,
    ):
        async with daemon.client() as client:
            asked = await client.pull("ti2v-5b")
            running = await client.submit(tiny(size="128x128", frames=17, steps=30))
            waiting = [await client.submit(tiny(f"clip {n}")) for n in range(3)]
            held = await client.submit(tiny("held", hold=True))
            await job_when(client, running.id, denoising)
            before = await when(client, asked.id, lambda download: download.bytes_done > 0)
            successor = document(daemon.environment, "daemon", "restart")
            try:
                events, _ = listening.communicate(timeout=PATIENCE_S)
                assert json.loads(events.splitlines()[-1])["kind"] == "goodbye"
                assert listening.returncode == 0
                assert successor["pid"] != daemon.pid
                assert daemon.process.wait(PATIENCE_S) == 0
                await _check(client, running, waiting, held)
                pulled = await when(client, asked.id, lambda download: not download.state.open)
            finally:
                wantui(daemon.environment, "daemon", "stop")
    assert pulled.state is DownloadState.COMPLETED
    assert before.id == pulled.id


@contextmanager
def listener(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`wantui events`, once it hears."""
    with subprocess.Popen(
        [*WANTUI, "events", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as listening:
        assert listening.stderr is not None
        assert "listening" in listening.stderr.readline()
        yield listening


async def _check(client: Client, running: Job, waiting: list[Job], held: Job) -> None:
    """Every job ends as it would have without the restart."""
    done = [await job_when(client, job.id, lambda job: job.state.finished) for job in waiting]
    assert [job.state for job in done] == [JobState.COMPLETED] * 3
    assert (await client.job(held.id)).state is JobState.HELD
    cut = await client.job(running.id)
    assert cut.state is JobState.COMPLETED
    assert [attempt.interrupted for attempt in cut.attempts] == [True, False]
    assert cut.attempts[1].from_step > 0, "it kept its last step before it made way"


def denoising(job: Job) -> bool:
    return job.progress is not None and job.progress.stage == "denoise" and job.progress.step >= 1
