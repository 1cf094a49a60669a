"""Weights and adapters share one line to the hub: its order, and its limit."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.hub import Fault, File, Hub, Repository
from tests.loras import diffusers_shapes, lora_file
from tests.pulling import RECIPE, SHARD, daemon_with, hub_with_ti2v, seen_until, when
from wantui.api.adapter import AdapterPullRequest, PulledAdapter
from wantui.api.download import Download, DownloadAction, DownloadState
from wantui.api.status import Status
from wantui.daemon.children import Children
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch import Fetch
from wantui.daemon.fetch_lane import NETWORK
from wantui.database import Database

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

FILE = "wan.safetensors"
WANTED = AdapterPullRequest(repository="someone/loras", file=FILE)
LORA = PulledAdapter(file=FILE, revision=None, name=None)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """It has a model and an adapter, of 6 MB each."""
    with hub_with_ti2v() as hub:
        hub.repositories[RECIPE.repository or ""].files |= {
            path: File(bytes(1000) + number.to_bytes() * 6_000_000)
            for number, path in enumerate(RECIPE.paths)
            if path.endswith(SHARD)
        }
        hub.add(Repository("someone/loras", {FILE: File(lora_file(diffusers_shapes(rank=150)))}))
        yield hub


def bytes_of(hub: Hub) -> int:
    """Of all that there is to be pulled."""
    return sum(file.size for each in hub.repositories.values() for file in each.files.values())


def completed(download: Download) -> bool:
    return download.state is DownloadState.COMPLETED


def begun(download: Download) -> bool:
    return download.bytes_done > 1_000_000


async def test_an_adapter_goes_first_and_the_model_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = [Fault(SHARD, bytes_a_second=3_000_000)]
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        async with daemon.client() as client:
            model = await client.pull("ti2v-5b")
            seen = asyncio.create_task(seen_until(client, model.id, completed))
            await when(client, model.id, begun)
            adapter = await client.pull_adapter(WANTED)
            assert (await client.download(model.id)).state is DownloadState.QUEUED
            await when(client, adapter.id, completed)
            assert (await client.download(model.id)).state is not DownloadState.COMPLETED
            states = [download.state for download in await seen]
    changes = [state for n, state in enumerate(states) if n == 0 or states[n - 1] is not state]
    assert changes[-4:] == ["running", "queued", "running", "completed"]
    assert hub.sent < bytes_of(hub) + 2_000_000


async def test_one_that_is_asked_for_again_after_a_pause_makes_the_model_wait_too(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = [Fault(file, bytes_a_second=4_000_000) for file in (SHARD, FILE)]
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        async with daemon.client() as client:
            adapter = await client.pull_adapter(WANTED)
            await when(client, adapter.id, begun)
            paused = await client.pause_download(adapter.id)
            assert paused.state is DownloadState.PAUSED
            model = await client.pull("ti2v-5b")
            await when(client, model.id, begun)
            await client.resume_download(adapter.id)
            assert (await client.download(model.id)).state is DownloadState.QUEUED
            done = await when(client, adapter.id, completed)
            await when(client, model.id, completed)
    assert done.adapter is not None
    assert done.adapter.kept is not None
    assert hub.sent < bytes_of(hub) + 2_000_000


async def test_the_limit_is_one_for_weights_and_adapters_together(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured where the bytes come in: what the daemon reports of both, between any two reports.

    What the hub has sent tells nothing, for it fills the kernel's buffers. A fetcher's first read,
    of 1 MiB at most, is never held up, and there are three fetchers.
    """
    limit = 2_000_000
    store = f"max_bytes_per_second = {limit}\n"
    reports: list[tuple[float, int]] = []
    with daemon_with(hub, tmp_path, monkeypatch, store=store) as daemon:
        async with daemon.client() as client:
            wanted = await client.pull("ti2v-5b"), await client.pull_adapter(WANTED)
            done = {download.id: 0 for download in wanted}
            async for item in client.follow():
                known = item.downloads if isinstance(item, Status) else (item.object,)
                for download in known:
                    if isinstance(download, Download):
                        done[download.id] = download.bytes_done
                reports.append((time.monotonic(), sum(done.values())))
                if sum(done.values()) == bytes_of(hub):
                    break
    assert len(reports) > 10
    for (began, before), (ended, after) in itertools.combinations(reports, 2):
        assert after - before < limit * (ended - began) + 3 * 2**20


async def test_a_model_that_has_not_begun_yet_is_overtaken(database: Database) -> None:
    """A lane that has chosen it already learns so when it is about to begin."""
    downloads = Downloads(database, lambda _: None)
    model = await downloads.ask("ti2v-5b", RECIPE.repository, DownloadAction.PULL)
    verification = await downloads.ask("ti2v-5b", RECIPE.repository, DownloadAction.VERIFY)
    adapter = await downloads.ask_for_adapter("someone/loras", LORA)
    assert downloads.next(NETWORK) == adapter
    assert not await downloads.begin(model.id, never_run())
    assert await downloads.begin(verification.id, never_run())
    assert await downloads.begin(adapter.id, never_run())
    assert await downloads.begin(model.id, never_run())


async def test_the_name_that_was_asked_for_last_is_given(database: Database) -> None:
    downloads = Downloads(database, lambda _: None)
    asked = await downloads.ask_for_adapter("someone/loras", LORA)
    for name, called in ((None, "wan"), ("mine", "mine"), (None, "mine"), ("ours", "ours")):
        named = LORA.model_copy(update={"name": name})
        again = await downloads.ask_for_adapter("someone/loras", named)
        assert (again.id, again.subject) == (asked.id, called)
    pinned = LORA.model_copy(update={"revision": "v1"})
    assert (await downloads.ask_for_adapter("someone/loras", pinned)).id != asked.id
    successor = Downloads(database, lambda _: None)
    await successor.start()
    assert successor.get(asked.id).subject == "ours"


def never_run() -> Fetch:
    async def no_order() -> NoReturn:
        raise AssertionError

    async def told(_report: object) -> None:
        """Nobody listens."""

    return Fetch(Children(Path("/nowhere")), no_order, Path, told)
