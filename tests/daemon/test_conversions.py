"""Weights converted through a real daemon: planned, written, kept, used, verified and removed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.command import document, wantui
from tests.hub import Hub, running_hub
from tests.pulling import RECIPE, SHARDS, daemon_with, sound_ti2v, when
from tests.running import RunningDaemon, running_daemon
from wantui.api.download import Depth, Download, DownloadAction, DownloadState
from wantui.api.model import ModelStatus, WeightsState
from wantui.api.plan import DType
from wantui.client import Client
from wantui.errors import CacheFull, InvalidRequest, WeightsAbsent, WeightsInUse
from wantui.store.converted import loadable
from wantui.store.scan import converted_folder
from wantui.store.verdicts import Verdicts

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

SHARD_NUMBERS = 12_000_000
"""In each: large enough to be seen on its way, 48 MB as published."""
MODEL = "ti2v-5b"


def ended(download: Download) -> bool:
    return not download.state.open


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        hub.add(sound_ti2v(1000))
        yield hub


@pytest.fixture
def daemon(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDaemon]:
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        yield daemon


async def over(client: Client, asked: Download) -> Download:
    return asked if ended(asked) else await when(client, asked.id, ended)


async def pulled(client: Client) -> ModelStatus:
    done = await over(client, await client.pull(MODEL))
    assert (done.state, done.error) == (DownloadState.COMPLETED, None)
    return await client.model(MODEL)


async def converted(client: Client) -> ModelStatus:
    done = await over(client, await client.convert(MODEL))
    assert (done.state, done.error) == (DownloadState.COMPLETED, None)
    return await client.model(MODEL)


def stats(folder: str | Path) -> dict[str, os.stat_result]:
    return {path.name: path.stat() for path in Path(folder).iterdir()}


def shards(folder: str) -> list[Path]:
    return list(Path(folder).glob("*.safetensors"))


def made(folder: str | Path) -> dict[str, tuple[int, int]]:
    """The whole shards of a folder, and by what each is known to be the same file still."""
    return {
        name: (info.st_ino, info.st_mtime_ns)
        for name, info in stats(folder).items()
        if name.endswith(".safetensors") and not name.startswith(".")
    }


def write(path: Path, content: bytes) -> None:
    path.resolve().chmod(0o644)
    path.write_bytes(content)


def spoiled(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def a_shard(folder: str) -> tuple[Path, bytes]:
    shard = shards(folder)[0]
    return shard, shard.read_bytes()


def folders(daemon: RunningDaemon) -> list[Path]:
    return sorted(daemon.paths.converted.iterdir()) if daemon.paths.converted.is_dir() else []


async def test_what_is_published_in_fp32_is_converted_once(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        with pytest.raises(WeightsAbsent):
            await client.convert_plan(MODEL)
        await pulled(client)
        plan = await client.convert_plan(MODEL)
        assert (plan.components, plan.dtype) == (("transformer",), DType.BFLOAT16)
        assert (plan.bytes_read, plan.bytes_to_write) == (SHARDS * 4000, SHARDS * 2000)
        with pytest.raises(InvalidRequest, match="float32"):
            await client.convert(MODEL, DType.FLOAT32)
        model = await converted(client)
        (part,) = model.weights.converted
        assert (part.component, part.state) == ("transformer", WeightsState.VERIFIED)
        assert part.bytes == sum(info.st_size for info in stats(part.folder).values())
        assert len(part.files) == SHARDS + 1
        assert loadable(model.weights, DType.BFLOAT16) == (part,)
        assert loadable(model.weights, DType.FLOAT32) == ()
        needed = converted_folder(RECIPE, part, Verdicts()).files
        assert {file.path for file in needed} >= {str(path) for path in shards(part.folder)}
        assert (await client.convert_plan(MODEL)).components == ()
        again = await client.convert(MODEL)
        assert (again.state, again.action) == (DownloadState.COMPLETED, DownloadAction.CONVERT)
        assert folders(daemon) == [Path(part.folder)]
    daemon.stop()
    successor = daemon.restart()
    async with successor.client() as client:
        assert (await client.model(MODEL)).weights.converted == model.weights.converted
    successor.stop()


async def test_verify_covers_what_was_converted_and_a_bad_one_is_made_anew(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        await pulled(client)
        (part,) = (await converted(client)).weights.converted
        deep = await over(client, await client.verify(MODEL, Depth.DEEP))
        assert (deep.state, deep.error) == (DownloadState.COMPLETED, None)
        shard, good = a_shard(part.folder)
        write(shard, spoiled(good))
        (doubted,) = (await client.model(MODEL)).weights.converted
        assert doubted.state is WeightsState.UNVERIFIED
        found = await over(client, await client.verify(MODEL))
        assert found.error is not None
        assert found.error.hint == f"run: wantui convert {MODEL}"
        model = await client.model(MODEL)
        assert model.weights.state is WeightsState.VERIFIED
        assert [each.state for each in model.weights.converted] == [WeightsState.CORRUPT]
        assert [e.state for e in (await converted(client)).weights.converted] == [part.state]
    assert shard.read_bytes() == good


async def test_a_removal_takes_what_was_converted_with_it_to_the_byte(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        await pulled(client)
        without = (await client.remove(MODEL, dry_run=True)).freed_bytes
        (part,) = (await converted(client)).weights.converted
        plan = await client.remove(MODEL, dry_run=True)
        assert (plan.removals[0].converted, plan.freed_bytes - without) == (1, part.bytes)
        assert (await client.prune(dry_run=True)).removals == ()
        done = await client.remove(MODEL, dry_run=False)
        assert done.freed_bytes == plan.freed_bytes
        assert (await client.model(MODEL)).weights.converted == ()
    assert folders(daemon) == []


async def test_a_newer_revision_never_uses_what_was_converted_from_the_older(
    daemon: RunningDaemon, hub: Hub
) -> None:
    async with daemon.client() as client:
        await pulled(client)
        (old,) = (await converted(client)).weights.converted
        newer = sound_ti2v(1000)
        newer.commit = "d" * 40
        hub.add(newer)
        model = await pulled(client)
        assert model.weights.revision == "d" * 40
        assert model.weights.converted == ()
        (new,) = (await converted(client)).weights.converted
        assert new.folder != old.folder
        plan = await client.prune(dry_run=True)
        (stale,) = (item for item in plan.removals if item.repository is None)
        assert (stale.converted, stale.freed_bytes) == (1, old.bytes)
        await client.prune(dry_run=False)
        assert (await client.model(MODEL)).weights.converted == (new,)
    assert folders(daemon) == [Path(new.folder)]


async def test_weights_that_nobody_has_proven_are_verified_first(
    daemon: RunningDaemon, hub: Hub
) -> None:
    async with daemon.client() as client:
        model = await pulled(client)
        shard, content = a_shard(f"{model.weights.folder}/transformer")
        write(shard, content)
        assert (await client.model(MODEL)).weights.state is WeightsState.UNVERIFIED
        model = await converted(client)
        assert model.weights.state is WeightsState.VERIFIED
        assert [part.state for part in model.weights.converted] == [WeightsState.VERIFIED]
        await client.remove(MODEL, dry_run=False)
        model = await pulled(client)
        write(shard, spoiled(content))
        bad = await over(client, await client.convert(MODEL))
        assert bad.error is not None
        assert (bad.error.code, bad.error.detail["paths"]) == (
            "weights_corrupt",
            [f"transformer/{shard.name}"],
        )
    assert folders(daemon) == []


async def test_no_more_is_kept_than_the_settings_allow(hub: Hub, tmp_path: Path) -> None:
    settings = "[store]\nconverted_bytes = 9000\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.endpoint)
        with running_daemon(tmp_path / "small", settings) as daemon:
            async with daemon.client() as client:
                await pulled(client)
                with pytest.raises(CacheFull, match=r"9\.0 kB"):
                    await client.convert(MODEL)


@pytest.fixture
def large(hub: Hub) -> None:
    hub.add(sound_ti2v(SHARD_NUMBERS))


async def test_a_conversion_that_is_killed_goes_on_at_the_next_shard(
    daemon: RunningDaemon, large: None
) -> None:
    async with daemon.client() as client:
        await pulled(client)
        asked = await client.convert(MODEL)
        await when(client, asked.id, lambda download: download.bytes_done > 2.2 * SHARD_NUMBERS)
        with pytest.raises(WeightsInUse):
            await client.remove(MODEL, dry_run=True)
        daemon.kill()
    (unfinished,) = folders(daemon)
    kept = made(unfinished)
    assert 1 <= len(kept) < SHARDS
    successor = daemon.restart()
    async with successor.client() as client:
        await when(client, asked.id, lambda download: download.bytes_done > 0)
        for child in psutil.Process(successor.pid).children():
            child.send_signal(signal.SIGKILL)  # the converter alone, this time
        done = await over(client, await client.download(asked.id))
        assert (done.state, done.error) == (DownloadState.COMPLETED, None)
        (part,) = (await client.model(MODEL)).weights.converted
        assert part.state is WeightsState.VERIFIED
        assert made(part.folder).items() >= kept.items()
    successor.stop()


async def test_a_conversion_can_be_paused_and_given_up(daemon: RunningDaemon, large: None) -> None:
    async with daemon.client() as client:
        await pulled(client)
        asked = await client.convert(MODEL)
        await when(client, asked.id, lambda download: download.bytes_done > 2.2 * SHARD_NUMBERS)
        paused = await client.pause_download(asked.id)
        assert paused.state is DownloadState.PAUSED
        (unfinished,) = folders(daemon)
        assert made(unfinished)
        assert (await client.prune(dry_run=True)).removals == ()  # it goes on one day
        await client.cancel_download(asked.id)
        assert folders(daemon) == []
        assert (await client.model(MODEL)).weights.state is WeightsState.VERIFIED


def test_the_command_line_converts_and_shows_it(daemon: RunningDaemon) -> None:
    environment = daemon.environment
    wantui(environment, "pull", MODEL, "--yes")
    plan = document(environment, "convert", MODEL, "--dry-run")
    assert (plan["components"], plan["bytes_to_write"]) == (["transformer"], SHARDS * 2000)
    shown = wantui(environment, "convert", MODEL, "--dry-run").stdout
    assert "no device of this machine loads" in shown
    done = wantui(environment, "convert", MODEL, "--dtype", "bf16", "--yes")
    assert done.stderr.strip().endswith(f"{MODEL}: convert completed")
    assert "transformer in bfloat16, verified" in wantui(environment, "show", MODEL).stdout
    assert " kB + 1" in wantui(environment, "ls").stdout
    assert "1 converted component" in wantui(environment, "rm", MODEL, "--dry-run").stdout
    assert document(environment, "convert", MODEL, "-y")["state"] == "completed"
