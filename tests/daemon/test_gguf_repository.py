"""GGUF files from a repository that has nothing else: pulled, proven, made with, kept, removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import wantui
from tests.daemon.test_gguf import ended, own_model, pulled, write_expert
from tests.hub import Fault, File, Hub, Repository, running_hub
from tests.pulling import RECIPE, daemon_with, hub_with_ti2v, when
from tests.running import RunningDaemon, job_when, tiny
from wantui.api.download import DownloadState
from wantui.api.job import Job, JobState
from wantui.api.model import WeightsState
from wantui.client import Client
from wantui.errors import WeightsAbsent, WeightsInUse

QUANT = "Quant/Tiny-GGUF"
FILE = "HighNoise/tiny-Q8_0.gguf"
OTHER = "HighNoise/tiny-Q4_0.gguf"
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


def name_model(home: Path, base: str, id: str = "q8", file: str = FILE) -> None:
    """`BASE:ID`, whose expert is a file of the repository."""
    folder = home / "config" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    text = f'id = "{base}:{id}"\nextends = "{base}"\n\n[gguf]\nrepository = "{QUANT}"\n'
    (folder / f"{id}.toml").write_text(f'{text}transformer = "{file}"\n', "utf-8")


def add_quantised(hub: Hub, scratch: Path) -> Repository:
    """The demo's expert in one file, and in another that nobody asks for."""
    content = write_expert(scratch / "expert.gguf").read_bytes()
    files = {
        FILE: File(content),
        OTHER: File(b"GGUF" + content),
        "README.md": File(b"-", lfs=False),
    }
    return hub.add(Repository(QUANT, files, commit="a" * 40))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with running_hub() as hub:
        add_quantised(hub, tmp_path)
        yield hub


@pytest.fixture
def daemon(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDaemon]:
    name_model(tmp_path, "demo")
    own_model(tmp_path, "demo", "local").parent.mkdir(parents=True)
    with daemon_with(hub, tmp_path, monkeypatch) as daemon:
        yield daemon


async def made(client: Client, model: str) -> Job:
    job = await client.submit(tiny(model=model))
    return await job_when(client, job.id, lambda job: job.state.finished)


async def test_a_clip_is_made_with_a_file_that_was_pulled(
    daemon: RunningDaemon, hub: Hub, tmp_path: Path
) -> None:
    async with daemon.client() as client:
        with pytest.raises(WeightsAbsent) as absent:
            await client.submit(tiny(model="demo:q8"))
        assert absent.value.hint == "run: wantui pull demo:q8"
        plan = await client.pull_plan("demo:q8")
        size = hub.repositories[QUANT].files[FILE].size
        assert (plan.repository, plan.files, plan.bytes_to_fetch) == (QUANT, 1, size)
        done = await pulled(client, "demo:q8")
        assert (done.state, done.commit, done.bytes_total) == (
            DownloadState.COMPLETED,
            "a" * 40,
            size,
        )
        assert {seen.path for seen in hub.requests("GET", ".gguf")} == {
            f"/cdn/{QUANT}/{'a' * 40}/{FILE}"
        }
        write_expert(tmp_path / "models" / "expert.gguf")
        fetched, local = await made(client, "demo:q8"), await made(client, "demo:local")
        model = await client.model("demo:q8")
    assert (fetched.state, fetched.faithful) == (JobState.COMPLETED, False)
    assert fetched.output
    assert local.output
    assert fetched.output.frames_sha256 == local.output.frames_sha256
    assert model.weights.state is WeightsState.VERIFIED
    (snapshot,) = model.weights.also
    assert (snapshot.repository, snapshot.revision, snapshot.pinned) == (QUANT, "a" * 40, True)
    assert f"{QUANT}: {'a' * 40}" in wantui(daemon.environment, "show", "demo:q8").stdout


async def test_a_job_may_have_it_fetched_first(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        job = await client.submit(tiny(model="demo:q8", fetch=True))
        done = await job_when(client, job.id, lambda job: job.state.finished)
    assert done.state is JobState.COMPLETED


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


async def test_what_went_bad_is_found_and_mended(daemon: RunningDaemon, hub: Hub) -> None:
    async with daemon.client() as client:
        await pulled(client, "demo:q8")
        spoil(Path((await client.model("demo:q8")).weights.also[0].folder, FILE))
        asked = await client.verify("demo:q8")
        bad = asked if ended(asked) else await when(client, asked.id, ended)
        assert bad.error is not None
        assert (bad.error.code, bad.error.hint) == ("weights_corrupt", "run: wantui repair demo:q8")
        hub.repositories[QUANT].past["a" * 40] = hub.repositories[QUANT].files
        hub.repositories[QUANT].commit = "b" * 40
        mended = await when(client, (await client.repair("demo:q8")).id, ended)
        assert (mended.state, mended.commit) == (DownloadState.COMPLETED, "a" * 40)
        model = await client.model("demo:q8")
        assert model.weights.state is WeightsState.VERIFIED
        assert model.stale is False, "nobody has asked for what is there now"
        assert (await client.pull_plan("demo:q8")).commit == "b" * 40
        assert (await client.model("demo:q8")).stale


async def test_it_is_kept_and_removed_like_any_other(daemon: RunningDaemon, hub: Hub) -> None:
    async with daemon.client() as client:
        with pytest.raises(WeightsAbsent):
            await client.remove("demo:q8", dry_run=True)
        await pulled(client, "demo:q8")
        assert (await client.keep("demo:q8", kept=True)).weights.also[0].kept
        with pytest.raises(WeightsInUse, match="is to be kept"):
            await client.remove("demo:q8", dry_run=False)
        assert (await client.prune(dry_run=False)).freed_bytes == 0
        assert not (await client.keep("demo:q8", kept=False)).weights.also[0].kept
        gone = await client.remove("demo:q8", dry_run=False)
        assert gone.freed_bytes == hub.repositories[QUANT].files[FILE].size
        assert [removal.repository for removal in gone.removals] == [QUANT]
        model = await client.model("demo:q8")
        assert (model.weights.state, model.weights.also) == (WeightsState.PARTIAL, ())
        assert (await client.model("demo")).weights.state.usable


async def test_terms_are_those_of_the_repository_that_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_model(tmp_path, "ti2v-5b")
    with hub_with_ti2v() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        add_quantised(hub, tmp_path).gated = True
        async with daemon.client() as client:
            plan = await client.pull_plan("ti2v-5b:q8")
            assert plan.accept_at == f"{hub.endpoint}/{QUANT}"
            failed = await pulled(client, "ti2v-5b:q8")
            assert failed.error is not None
            assert f"{hub.endpoint}/{QUANT}" in failed.error.hint
            mine, base = await client.model("ti2v-5b:q8"), await client.model("ti2v-5b")
            assert mine.upstream is not None
            assert mine.upstream.accept_at == plan.accept_at
            assert base.upstream is not None
            assert base.upstream.accept_at is None


async def test_both_repositories_are_fetched_and_removed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_model(tmp_path, "ti2v-5b")
    with hub_with_ti2v() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        quantised = add_quantised(hub, tmp_path)
        size = quantised.files[FILE].size
        async with daemon.client() as client:
            plan = await client.pull_plan("ti2v-5b:q8")
            assert [source.repository for source in plan.also] == [QUANT]
            assert plan.bytes_to_fetch > size
            shown = wantui(daemon.environment, "pull", "ti2v-5b:q8", "--dry-run").stdout
            assert f"{QUANT} at {'a' * 12}" in shown
            done = await pulled(client, "ti2v-5b:q8")
            assert (done.state, done.repository) == (DownloadState.COMPLETED, RECIPE.repository)
            assert done.commits == {RECIPE.repository: "c" * 40, QUANT: "a" * 40}
            assert done.bytes_done == done.bytes_total == plan.bytes_total
            model = await client.model("ti2v-5b:q8")
            assert model.weights.state is WeightsState.VERIFIED
            gone = await client.remove("ti2v-5b:q8", dry_run=False)
            assert {removal.repository for removal in gone.removals} == {RECIPE.repository, QUANT}
            assert (await client.model("ti2v-5b:q8")).weights.bytes_present == 0


async def test_a_pull_goes_on_with_the_revisions_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second repository moves on before its first byte has come, and the daemon dies."""
    name_model(tmp_path, "ti2v-5b")
    with hub_with_ti2v() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        quantised = add_quantised(hub, tmp_path)
        hub.faults = [Fault("vae/diffusion_pytorch_model.safetensors", stall_after=1000, times=9)]
        async with daemon.client() as client:
            asked = await client.pull("ti2v-5b:q8")
            await when(client, asked.id, lambda download: bool(download.also))
        daemon.kill()
        quantised.past["a" * 40] = quantised.files
        quantised.files, quantised.commit = {}, "b" * 40
        hub.faults.clear()
        successor = daemon.restart()
        try:
            async with successor.client() as client:
                done = await when(client, asked.id, ended)
        finally:
            successor.stop()
        assert done.error is None
        assert done.commits[QUANT] == "a" * 40


async def test_another_model_of_the_same_repository_keeps_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_model(tmp_path, "demo")
    name_model(tmp_path, "demo", "q4", OTHER)
    with running_hub() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        quantised = add_quantised(hub, tmp_path)
        async with daemon.client() as client:
            await pulled(client, "demo:q8")
            quantised.past["a" * 40] = quantised.files
            quantised.commit = "b" * 40
            assert (await pulled(client, "demo:q4")).commit == "a" * 40
            for id, file in (("q8", FILE), ("q4", OTHER)):
                model = await client.model(f"demo:{id}")
                (found,) = (each for each in model.weights.files if each.path.endswith(".gguf"))
                assert found.path.endswith(file)
                assert found.state is WeightsState.VERIFIED
