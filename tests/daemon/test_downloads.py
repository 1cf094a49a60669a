"""Weights pulled through a real daemon from a hub on loopback."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.command import document, wantui
from tests.disks import small_disk
from tests.hub import Fault, Hub
from tests.pulling import RECIPE, SHARD, daemon_with, hub_with_ti2v, seen_until, when
from tests.running import RunningDaemon
from wantui.api.download import Download, DownloadState
from wantui.api.model import WeightsState
from wantui.errors import InvalidRequest, UnknownDownload, WrongState

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ROOMY = 1 << 30
"""More than a pull leaves free."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_with_ti2v() as hub:
        yield hub


@pytest.fixture
def daemon(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDaemon]:
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        yield daemon


def ended(download: Download) -> bool:
    return not download.state.open


async def test_a_pull_brings_a_model_and_says_how_it_goes(daemon: RunningDaemon, hub: Hub) -> None:
    hub.faults = [Fault(SHARD, bytes_a_second=2_000_000)]
    async with daemon.client() as client:
        asked = await client.pull("ti2v-5b")
        again = await client.pull("ti2v-5b")
        seen = await seen_until(client, asked.id, ended)
        model = await client.model("ti2v-5b")
        assert (await client.downloads()).downloads == (seen[-1],)
    assert again.id == asked.id
    done = seen[-1]
    files = hub.repositories[RECIPE.repository or ""].files
    total = sum(len(file.content) for file in files.values())
    assert done.state is DownloadState.COMPLETED
    assert (done.bytes_done, done.bytes_total) == (total, total)
    assert done.commit == "c" * 40
    assert any(download.bytes_per_second for download in seen)
    assert model.weights.state is WeightsState.VERIFIED
    assert model.weights.revision == "c" * 40


async def test_pause_and_resume_lose_nothing(daemon: RunningDaemon, hub: Hub) -> None:
    hub.faults = [Fault(SHARD, bytes_a_second=500_000)]
    async with daemon.client() as client:
        asked = await client.pull("ti2v-5b")
        await when(client, asked.id, lambda download: download.bytes_done > 700_000)
        paused = await client.pause_download(asked.id)
        assert paused.state is DownloadState.PAUSED
        await client.resume_download(asked.id)
        with pytest.raises(WrongState):
            await client.resume_download(asked.id)
        done = await when(client, asked.id, ended)
    assert done.state is DownloadState.COMPLETED
    assert hub.sent < 1.2 * (done.bytes_total or 0)


async def test_a_cancel_removes_what_is_not_whole(daemon: RunningDaemon, hub: Hub) -> None:
    hub.faults = [Fault(SHARD, stall_after=100_000)]
    async with daemon.client() as client:
        asked = await client.pull("ti2v-5b")
        await when(client, asked.id, lambda download: download.bytes_done > 0)
        cancelled = await client.cancel_download(asked.id)
        assert cancelled.state is DownloadState.CANCELLED
        with pytest.raises(WrongState):
            await client.resume_download(asked.id)
        fresh = await client.pull("ti2v-5b")
        assert fresh.id != asked.id
        assert (await when(client, fresh.id, ended)).state is DownloadState.COMPLETED


async def test_a_killed_daemon_and_a_killed_fetcher_go_on(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = [Fault(SHARD, bytes_a_second=400_000, times=2)]
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        async with daemon.client() as client:
            asked = await client.pull("ti2v-5b")
            await when(client, asked.id, lambda download: download.bytes_done > 500_000)
        daemon.kill()
        successor = daemon.restart()
        async with successor.client() as client:
            going = await when(client, asked.id, lambda d: d.state is DownloadState.RUNNING)
            await when(client, asked.id, lambda d: d.bytes_done > going.bytes_done)
            for child in psutil.Process(successor.pid).children():
                os.kill(child.pid, signal.SIGKILL)
            done = await when(client, asked.id, ended)
        successor.stop()
    assert done.state is DownloadState.COMPLETED, done.error
    assert hub.sent < 1.6 * (done.bytes_total or 0)


async def test_what_fails_says_why_and_can_be_asked_for_again(
    daemon: RunningDaemon, hub: Hub
) -> None:
    repository = hub.repositories[RECIPE.repository or ""]
    repository.gated = True
    async with daemon.client() as client:
        asked = await client.pull("ti2v-5b")
        failed = await when(client, asked.id, ended)
        assert failed.error is not None
        assert failed.error.code == "gated_repository"
        repository.gated = False
        again = await client.pull("ti2v-5b")
        assert again.id == asked.id
        done = await when(client, asked.id, ended)
        assert (done.state, done.error) == (DownloadState.COMPLETED, None)
        with pytest.raises(InvalidRequest):
            await client.pull("demo")
        with pytest.raises(UnknownDownload):
            await client.pause_download(99)


def test_the_command_line_pulls_and_tells(daemon: RunningDaemon, hub: Hub) -> None:
    done = wantui(daemon.environment, "pull", "Wan-AI/Wan2.2-TI2V-5B-Diffusers")
    assert "ti2v-5b: pull running" in done.stderr
    assert done.stderr.strip().endswith("ti2v-5b: pull completed")
    (item,) = document(daemon.environment, "downloads")["downloads"]
    assert item["state"] == "completed"
    assert document(daemon.environment, "show", "ti2v-5b")["weights"]["state"] == "verified"
    assert "ti2v-5b" in wantui(daemon.environment, "downloads").stdout
    hub.repositories.clear()
    refused = wantui(daemon.environment, "pull", "t2v-a14b", "--json", exits=1)
    assert json.loads(refused.stdout)["error"]["code"] == "repository_not_found"


async def test_a_full_disk_pauses_a_pull_and_keeps_what_came(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = [Fault(SHARD, bytes_a_second=700_000)]
    with (
        small_disk(tmp_path / "hf", ROOMY) as disk,
        daemon_with(hub, tmp_path, monkeypatch, disk.enter) as daemon,
    ):
        async with daemon.client() as client:
            asked = await client.pull("ti2v-5b")
            await when(client, asked.id, lambda download: download.bytes_done > 700_000)
            disk.resize(disk.used + 300_000)
            paused = await when(client, asked.id, lambda d: d.state is DownloadState.PAUSED)
            assert paused.error is not None
            assert paused.error.code == "disk_full"
            assert paused.error.hint.endswith("then: wantui pull ti2v-5b")
            assert (await client.model("ti2v-5b")).weights.state is not WeightsState.VERIFIED
            disk.resize(ROOMY)
            await client.resume_download(asked.id)
            done = await when(client, asked.id, ended)
            assert (done.state, done.error) == (DownloadState.COMPLETED, None)
            assert (await client.model("ti2v-5b")).weights.state is WeightsState.VERIFIED
    assert hub.sent < 1.5 * (done.bytes_total or 0)


async def test_a_publisher_who_moves_on_is_told_and_followed_by_a_pull(
    daemon: RunningDaemon, hub: Hub
) -> None:
    repository = hub.repositories[RECIPE.repository or ""]
    async with daemon.client() as client:
        assert (await client.model("ti2v-5b")).upstream is None
        await when(client, (await client.pull("ti2v-5b")).id, ended)
        model = await client.model("ti2v-5b")
        assert (model.stale, model.upstream and model.upstream.commit) == (False, "c" * 40)
        repository.commit = "d" * 40
        assert (await client.pull_plan("ti2v-5b")).commit == "d" * 40
        model = await client.model("ti2v-5b")
        assert (model.stale, model.weights.revision) == (True, "c" * 40)
        told = wantui(daemon.environment, "ls").stderr
        assert "ti2v-5b has a newer revision: wantui pull ti2v-5b" in told
        shown = wantui(daemon.environment, "show", "ti2v-5b").stdout
        assert f"a newer revision, {'d' * 12}, when the hub was asked" in shown
    daemon.stop()
    successor = daemon.restart()
    async with successor.client() as client:
        assert (await client.model("ti2v-5b")).stale
        await when(client, (await client.pull("ti2v-5b")).id, ended)
        model = await client.model("ti2v-5b")
        assert (model.stale, model.weights.revision) == (False, "d" * 40)
        assert (model.weights.state, model.weights.pinned) == (WeightsState.VERIFIED, True)
    successor.stop()


async def test_a_commit_that_is_taken_back_ends_a_pull_and_not_the_next(
    daemon: RunningDaemon, hub: Hub
) -> None:
    repository = hub.repositories[RECIPE.repository or ""]
    hub.faults = [Fault(SHARD, bytes_a_second=500_000)]
    async with daemon.client() as client:
        asked = await client.pull("ti2v-5b")
        await when(client, asked.id, lambda download: download.bytes_done > 0)
        await client.pause_download(asked.id)
        repository.commit = "d" * 40
        await client.resume_download(asked.id)
        failed = await when(client, asked.id, ended)
        assert failed.error is not None
        assert failed.error.code == "revision_not_found"
        assert failed.error.hint.endswith("comes with: wantui pull ti2v-5b")
        again = await client.pull("ti2v-5b")
        done = await when(client, again.id, ended)
        assert (done.state, done.commit) == (DownloadState.COMPLETED, "d" * 40)
