"""What we say of a cache and what the hub's own tools say of it are the same."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from tests.hub import Fault, File, Hub, Repository, running_hub
from tests.pulling import RECIPE, SHARD, daemon_with, when
from tests.running import RunningDaemon
from wantui.api.model import WeightsState
from wantui.client import Client

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ID = RECIPE.id
REPOSITORY = RECIPE.repository or ""
COMMIT = "c" * 40


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Every configuration of the model has the same content, and so the same blob."""
    chance = random.Random(3)
    same = File(b'{"_class_name": "Any"}', lfs=False)
    with running_hub() as hub:
        files = {
            path: same if path.endswith("/config.json") else File(chance.randbytes(700_000))
            for path in RECIPE.paths
        }
        hub.add(Repository(REPOSITORY, files, commit=COMMIT))
        yield hub


@pytest.fixture
def daemon(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDaemon]:
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        yield daemon


def hf(daemon: RunningDaemon, *arguments: str) -> str:
    """What the hub's own command line prints of the daemon's cache."""
    run = subprocess.run(
        [Path(sys.executable).with_name("hf"), "cache", *arguments],
        env={**daemon.environment, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def listed(daemon: RunningDaemon) -> dict[str, int]:
    """Bytes of each revision, where `hf cache ls` shows it: it prints them rounded."""
    shown = {entry["revision"] for entry in json.loads(hf(daemon, "ls", "--revisions", "--json"))}
    seen = huggingface_hub.scan_cache_dir(daemon.paths.hub_cache)
    assert not seen.warnings
    sizes = {
        r.commit_hash: r.size_on_disk for repository in seen.repos for r in repository.revisions
    }
    assert sizes.keys() == shown
    return sizes


def whole_for_the_hub(home: Path, revision: str) -> Path:
    """Raises LocalEntryNotFoundError."""
    folder = huggingface_hub.snapshot_download(
        REPOSITORY,
        revision=revision,
        cache_dir=home / "hf" / "hub",
        allow_patterns=list(RECIPE.paths),
        local_files_only=True,
    )
    return Path(folder)


async def pulled(client: Client) -> None:
    await when(client, (await client.pull(ID)).id, lambda download: not download.state.open)


async def test_what_was_pulled_is_whole_to_both_and_has_as_many_bytes(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    async with daemon.client() as client:
        await pulled(client)
        weights = (await client.model(ID)).weights
    assert weights.state is WeightsState.VERIFIED
    assert weights.bytes_present == weights.bytes_needed
    assert listed(daemon) == {COMMIT: weights.bytes_present}
    for revision in (COMMIT, "wantui-pin"):
        assert str(whole_for_the_hub(tmp_path, revision)) == weights.folder


async def test_what_is_not_whole_is_whole_to_neither(
    daemon: RunningDaemon, hub: Hub, tmp_path: Path
) -> None:
    hub.faults = [Fault(SHARD, stall_after=100_000)]
    async with daemon.client() as client:
        asked = await client.pull(ID)
        await when(client, asked.id, lambda download: download.bytes_done > 0)
        await client.pause_download(asked.id)
        assert not (await client.model(ID)).weights.state.usable
        assert listed(daemon) == {}
        with pytest.raises(LocalEntryNotFoundError):
            whole_for_the_hub(tmp_path, COMMIT)


async def test_what_was_removed_is_there_for_neither(daemon: RunningDaemon, tmp_path: Path) -> None:
    async with daemon.client() as client:
        await pulled(client)
        before = (await client.model(ID)).weights.bytes_present
        removed = await client.remove(ID, dry_run=False)
        assert removed.freed_bytes == before
        assert (await client.model(ID)).weights.state is WeightsState.ABSENT
    assert listed(daemon) == {}
    with pytest.raises(LocalEntryNotFoundError):
        whole_for_the_hub(tmp_path, COMMIT)


async def test_what_the_hub_s_tool_removed_is_absent(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        await pulled(client)
        hf(daemon, "rm", f"model/{REPOSITORY}", "--yes")
        assert (await client.model(ID)).weights.state is WeightsState.ABSENT
        await pulled(client)
        assert (await client.model(ID)).weights.state is WeightsState.VERIFIED
