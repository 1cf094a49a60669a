"""One pull, killed over and over: it ends with every byte proven, and few of them fetched twice."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.hub import Fault, File, Repository, running_hub
from tests.pulling import RECIPE, daemon_with, when
from wantui.api.download import DownloadState
from wantui.store.cache import find_snapshot

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 50
SHARD_BYTES = 40_000_000
BYTES_A_SECOND = 700_000
"""A connection: slow enough that the pull lasts as long as the killing."""
CONNECTIONS = 5
LOST_BYTES = 700_000
"""At most, a connection and kill: a second's worth; a journal is written four times in one."""


async def test_fifty_kills_of_daemon_and_fetcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(11)
    assert RECIPE.repository is not None
    files = {
        path: File(chance.randbytes(SHARD_BYTES if "transformer/diffusion" in path else 5000))
        for path in RECIPE.paths
    }
    with running_hub() as hub:
        hub.add(Repository(RECIPE.repository, files))
        hub.faults = [Fault(".safetensors", bytes_a_second=BYTES_A_SECOND, times=10_000)]
        with daemon_with(hub, tmp_path, monkeypatch) as first:
            daemon = first
            async with daemon.client() as client:
                asked = await client.pull("ti2v-5b")
            for number in range(KILLS):
                goal = hub.sent + chance.randrange(200_000, 3_000_000)
                async with daemon.client() as client:
                    await when(client, asked.id, lambda _, goal=goal: hub.sent > goal)  # type: ignore[misc]
                fetchers = psutil.Process(daemon.pid).children()
                if number % 2 or not fetchers:
                    daemon.kill()
                    daemon = daemon.restart()
                else:
                    os.kill(fetchers[0].pid, signal.SIGKILL)
            hub.faults = []
            async with daemon.client() as client:
                done = await when(client, asked.id, lambda download: not download.state.open)
            daemon.stop()
    assert done.state is DownloadState.COMPLETED, done.error
    snapshot = find_snapshot(tmp_path / "hf" / "hub", RECIPE.repository, RECIPE.paths)
    assert snapshot is not None
    for path, file in files.items():
        assert (snapshot.folder / path).read_bytes() == file.content
    total = sum(len(file.content) for file in files.values())
    again = hub.sent - total
    sys.stdout.write(f"{KILLS} kills: {again / 1e6:.0f} of {total / 1e6:.0f} MB fetched again\n")
    assert again < KILLS * CONNECTIONS * LOST_BYTES
