"""A daemon whose hub is on loopback and has TI2V-5B's repository, small."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hub import File, Hub, Repository, running_hub
from tests.running import RunningDaemon, running_daemon
from wantui.api.download import Download
from wantui.api.status import Status
from wantui.catalog.catalog import Catalog
from wantui.client import Client
from wantui.paths import shipped_config

RECIPE = Catalog.load(shipped_config()).model("ti2v-5b")
SHARD = "00001-of-00005.safetensors"
SHARD_BYTES = 2_000_000


@contextmanager
def hub_with_ti2v() -> Iterator[Hub]:
    """It has every file of the real repository, and none of its size."""
    with running_hub() as hub:
        chance = random.Random(5)
        assert RECIPE.repository is not None
        files = {
            path: File(chance.randbytes(SHARD_BYTES if path.endswith(SHARD) else 5000))
            for path in RECIPE.paths
        }
        hub.add(Repository(RECIPE.repository, files))
        yield hub


@contextmanager
def daemon_with(
    hub: Hub,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    enter: Sequence[str] = (),
    store: str = "",
) -> Iterator[RunningDaemon]:
    """`store` is further settings of that section."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    with running_daemon(home, f"[store]\nstall_s = 2.0\ntries = 3\n{store}", enter) as daemon:
        yield daemon


async def seen_until(client: Client, id: int, met: Callable[[Download], bool]) -> list[Download]:
    """Every version of a download until it is as wanted."""
    seen: list[Download] = []
    async for item in client.follow():
        known = item.downloads if isinstance(item, Status) else (item.object,)
        for download in known:
            if isinstance(download, Download) and download.id == id:
                seen.append(download)
                if met(download):
                    return seen
    raise AssertionError("the events ended")


async def when(client: Client, id: int, met: Callable[[Download], bool]) -> Download:
    return (await seen_until(client, id, met))[-1]
