"""One pull, killed over and over: it ends with every byte proven, and few of them fetched twice."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil
import pytest

from tests.hub import SLOW_CHUNK, Fault, File, Repository, running_hub
from tests.pulling import RECIPE, daemon_with, when
from wantui.api.download import DownloadState
from wantui.fetcher.part import begun_bytes
from wantui.store.cache import STAGING, file_at, find_snapshot, repository_folder

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 50
SHARD_BYTES = 40_000_000
BYTES_A_SECOND = 700_000
"""A connection: slow enough that the pull lasts as long as the killing."""
CONNECTIONS = 5
PIECE = SLOW_CHUNK
"""What the hub sends at once, and the fetcher reads and writes at once."""
UNREAD_PIECES = 3
"""At most, a connection and kill: in the socket of one that dies, or sent to one that is dead."""


def unnamed(staging: Path, files: Iterable[File]) -> int:
    """Bytes that came and that no journal names; some are seen after several kills."""
    count = 0
    for file in files:
        part = file_at(staging / f"{file.digest}.part")
        named = begun_bytes(staging, file.digest, file.size)
        count += max(part.st_size - named, 0) if part else 0
    return count


async def test_fifty_kills_of_daemon_and_fetcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(11)
    thrown_away = 0
    assert RECIPE.repository is not None
    staging = repository_folder(tmp_path / "hf" / "hub", RECIPE.repository) / STAGING
    files = {
        path: File(chance.randbytes(SHARD_BYTES if "transformer/diffusion" in path else 5000))
        for path in RECIPE.paths
    }
    with running_hub() as hub:
        hub.add(Repository(RECIPE.repository, files))
        hub.faults = [
            Fault(ending, bytes_a_second=BYTES_A_SECOND, times=10_000)
            for ending in (".safetensors", ".json")
        ]
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
                    psutil.wait_procs(fetchers)  # they die with it
                    thrown_away += unnamed(staging, files.values())
                    daemon = daemon.restart()
                else:
                    os.kill(fetchers[0].pid, signal.SIGKILL)
                    thrown_away += unnamed(staging, files.values())
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
    sys.stdout.write(
        f"{KILLS} kills: {again / 1e6:.1f} of {total / 1e6:.0f} MB were sent again, "
        f"of which {thrown_away / 1e6:.1f} MB had come\n"
    )
    assert thrown_away <= KILLS * PIECE
    assert again <= KILLS * CONNECTIONS * UNREAD_PIECES * PIECE
