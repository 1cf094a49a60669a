"""Adapters pulled through a real daemon from a hub on loopback that fails as ordered."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from tests.hub import Fault, File, Hub, Repository, running_hub
from tests.loras import diffusers_shapes, lora_file, original_shapes
from tests.pulling import daemon_with, when
from tests.running import RunningDaemon, environment_for
from wantui.api.adapter import Adapter, AdapterPullRequest
from wantui.api.download import Download, DownloadState
from wantui.client import Client
from wantui.errors import InvalidAdapter, InvalidRequest, NameTaken, WrongState

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

REPOSITORY = "someone/Wan2.2-loras"
FILE = "style/wan_HIGH.safetensors"
SMALL = "small.safetensors"
CONTENT = lora_file(diffusers_shapes(rank=50), fill=1)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
COMMIT = "c" * 40


@pytest.fixture(scope="module")
def the_hub() -> Iterator[Hub]:
    with running_hub() as hub:
        files = {
            FILE: File(CONTENT),
            SMALL: File(lora_file(original_shapes()), lfs=False),
            "pickled.safetensors": File(b"PK\x03\x04" + bytes(1000)),
            "model.safetensors": File(lora_file({"model.weight": (10, 10)})),
            "README.md": File(b"# mine", lfs=False),
        }
        hub.add(Repository(REPOSITORY, files))
        yield hub


@pytest.fixture(scope="module")
def the_daemon(the_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    home = tmp_path_factory.mktemp("pulls")
    with pytest.MonkeyPatch.context() as patch, daemon_with(the_hub, home, patch) as daemon:
        yield daemon


@pytest.fixture
def hub(the_hub: Hub) -> Iterator[Hub]:
    """Without a fault, and nothing seen yet."""
    the_hub.sent = 0
    the_hub.seen.clear()
    yield the_hub
    the_hub.faults.clear()
    the_hub.repositories[REPOSITORY].gated = False


@pytest.fixture
def daemon(the_daemon: RunningDaemon) -> Iterator[RunningDaemon]:
    """Without any adapter, before and after."""
    yield the_daemon
    for adapter in the_daemon.call("GET", "/api/adapters").json()["adapters"]:
        the_daemon.call("DELETE", f"/api/adapters/{adapter['id']}")


def request(file: str = FILE, **fields: str) -> AdapterPullRequest:
    return AdapterPullRequest.model_validate({"repository": REPOSITORY, "file": file, **fields})


def ended(download: Download) -> bool:
    return not download.state.open


async def pulled(client: Client, wanted: AdapterPullRequest) -> Download:
    asked = await client.pull_adapter(wanted)
    return await when(client, asked.id, ended)


def kept(done: Download) -> Adapter:
    assert done.state is DownloadState.COMPLETED, done.error
    assert done.adapter is not None
    assert done.adapter.kept is not None
    return done.adapter.kept


def staging(daemon: RunningDaemon) -> list[Path]:
    folder = daemon.paths.adapters / ".wantui"
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_one_from_the_hub_is_proven_checked_and_kept(daemon: RunningDaemon, hub: Hub) -> None:
    async with daemon.client() as client:
        adapter = kept(await pulled(client, request()))
        assert await client.adapters() == (adapter,)
    assert (adapter.id, adapter.name, adapter.noise_hint) == (DIGEST, "wan_HIGH", "high")
    source = adapter.source
    assert (source.repository, source.file, source.commit) == (REPOSITORY, FILE, COMMIT)
    assert source.license == "apache-2.0"
    path = daemon.paths.adapters / f"{DIGEST}.safetensors"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o600
    assert staging(daemon) == []
    assert not (daemon.paths.hub_cache / f"models--{REPOSITORY.replace('/', '--')}").exists()
    assert not hub.requests("GET", "README.md")


async def test_what_is_kept_already_is_not_fetched_again(daemon: RunningDaemon, hub: Hub) -> None:
    async with daemon.client() as client:
        sent = await client.send_adapter(_once(CONTENT), len(CONTENT), "mine.safetensors")
        assert kept(await pulled(client, request())) == sent
        assert hub.sent == 0
        renamed = kept(await pulled(client, request(name="other")))
        assert (renamed.id, renamed.name) == (DIGEST, "other")
        assert len(await client.adapters()) == 1


async def test_asking_again_with_the_same_name_is_no_failure(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        first = kept(await pulled(client, request(name="mine")))
        assert kept(await pulled(client, request(name="mine"))) == first


async def test_a_small_file_that_is_not_lfs_has_its_sha256_too(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        done = await pulled(client, request(SMALL))
    assert kept(done).id == hashlib.sha256(lora_file(original_shapes())).hexdigest()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FILE, drop_after=100_000),
        Fault(FILE, flip_at=200_000),
        Fault(FILE, stall_after=50_000),
        Fault(FILE, status=503),
    ],
    ids=["dropped", "changed on the way", "stalled", "503"],
)
async def test_what_goes_wrong_on_the_way_is_made_good(
    daemon: RunningDaemon, hub: Hub, fault: Fault
) -> None:
    hub.faults = [fault]
    async with daemon.client() as client:
        done = await pulled(client, request())
    assert done.state is DownloadState.COMPLETED, done.error
    assert not fault.times
    assert (daemon.paths.adapters / f"{DIGEST}.safetensors").read_bytes() == CONTENT


async def test_what_cannot_be_had_says_why(daemon: RunningDaemon, hub: Hub) -> None:
    hub.faults = [Fault(FILE, flip_at=n, times=1) for n in (1000, 2000, 3000)]
    expected = {
        FILE: "digest_mismatch",
        "style/wan_HIHG.safetensors": "file_not_on_hub",
        "pickled.safetensors": "invalid_adapter",
        "model.safetensors": "invalid_adapter",
    }
    async with daemon.client() as client:
        codes = {}
        for file in expected:
            failed = await pulled(client, request(file))
            assert failed.state is DownloadState.FAILED
            assert failed.error is not None
            codes[file] = failed.error.code
            if failed.error.code == "file_not_on_hub":
                assert failed.error.hint == f"did you mean {FILE}?"
        assert codes == expected
        nowhere = AdapterPullRequest(repository="no/where", file=FILE)
        missing = await pulled(client, nowhere)
        assert missing.error is not None
        assert missing.error.code == "repository_not_found"
        hub.repositories[REPOSITORY].gated = True
        gated = await pulled(client, request())
        assert gated.error is not None
        assert gated.error.code == "gated_repository"
        assert await client.adapters() == ()
    assert not any(path.suffix == ".safetensors" for path in staging(daemon))


async def test_what_is_asked_for_wrongly_is_refused_at_once(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        with pytest.raises(InvalidAdapter):
            await client.pull_adapter(request("weights/pytorch_model.BIN"))
        with pytest.raises(InvalidRequest):
            await client.pull_adapter(request(name="a:b"))
        await client.send_adapter(_once(CONTENT), len(CONTENT), "mine.safetensors", "taken")
        with pytest.raises(NameTaken):
            await client.pull_adapter(request(SMALL, name="Taken"))
    bad = daemon.call("POST", "/api/adapters/pull", {"repository": "../x", "file": FILE})
    assert bad.json()["error"]["detail"]["field"] == "repository"


async def test_one_that_is_larger_than_the_limit_is_refused(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        daemon.stop()
        environment_for(tmp_path, "[limits]\nadapter_bytes = 100000\n")
        smaller = daemon.restart()
        async with smaller.client() as client:
            failed = await pulled(client, request())
        smaller.stop()
    assert failed.error is not None
    assert "adapter_bytes" in failed.error.hint
    assert hub.sent == 0


async def test_two_who_ask_share_one_pull_and_a_cancel_removes_what_came(
    daemon: RunningDaemon, hub: Hub
) -> None:
    hub.faults = [Fault(FILE, bytes_a_second=150_000)]
    async with daemon.client() as client:
        asked = await client.pull_adapter(request())
        assert (await client.pull_adapter(request())).id == asked.id
        await when(client, asked.id, lambda download: download.bytes_done > 0)
        assert staging(daemon) != []
        cancelled = await client.cancel_download(asked.id)
        assert cancelled.state is DownloadState.CANCELLED
        assert staging(daemon) == []
        with pytest.raises(WrongState):
            await client.cancel_download(asked.id)
        again = await pulled(client, request())
        assert again.id != asked.id
        assert again.state is DownloadState.COMPLETED


async def test_a_killed_fetcher_and_a_killed_daemon_go_on(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = [Fault(FILE, bytes_a_second=150_000, times=2)]
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        async with daemon.client() as client:
            asked = await client.pull_adapter(request(name="mine"))
            going = await when(client, asked.id, lambda d: d.bytes_done > 200_000)
            for child in psutil.Process(daemon.pid).children():
                os.kill(child.pid, signal.SIGKILL)
            await when(client, asked.id, lambda d: d.bytes_done > going.bytes_done + 200_000)
        daemon.kill()
        successor = daemon.restart()
        async with successor.client() as client:  # nobody asks again
            done = await when(client, asked.id, ended)
            assert await client.adapters() == (kept(done),)
        successor.stop()
    assert (done.adapter and done.adapter.name, kept(done).name) == ("mine", "mine")
    assert done.commit == COMMIT
    assert hub.sent < 1.6 * len(CONTENT)


async def test_what_nobody_asks_for_again_is_removed_after_a_week(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        daemon.stop()
        old, fresh = (daemon.paths.adapters / ".wantui" / name for name in ("old", "fresh"))
        for folder in (old, fresh):
            folder.mkdir(parents=True)
            (folder / "1.part").write_bytes(b"half")
        os.utime(old / "1.part", (0, 0))
        daemon.restart().stop()
        assert not old.exists()
        assert fresh.exists()
        shutil.rmtree(fresh)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
