"""Weights that are proven before they are believed: verify, repair, and jobs that wait for them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
import psutil
import pytest

from tests.cli.command import TINY, document, wantui
from tests.hub import Fault, File, Hub, Repository, running_hub
from tests.pulling import daemon_with, seen_until, when
from tests.running import RunningDaemon, job_when, tiny
from wantui.api.download import Depth, Download, DownloadAction, DownloadState
from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.model import ModelStatus, WeightsState
from wantui.catalog.catalog import DEMO, Catalog
from wantui.client import Client
from wantui.errors import InvalidRequest, WeightsAbsent, WeightsCorrupt, WeightsInUse
from wantui.paths import demo_weights, shipped_config

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

PATHS = Catalog.load(shipped_config()).model(DEMO).paths
REPOSITORY = "Someone/Tiny"
TWIN = "Someone/Twin"
VAE = "vae/diffusion_pytorch_model.safetensors"
TOKENIZER = "tokenizer/tokenizer.json"
RECIPE = 'id = "{id}"\nextends = "demo"\n{where} = "{value}"\n'


def ended(download: Download) -> bool:
    return not download.state.open


def finished(job: Job) -> bool:
    return job.state.finished


@dataclass
class House:
    """A daemon whose own models are the demo's files, in repositories on loopback."""

    hub: Hub
    daemon: RunningDaemon
    home: Path

    @property
    def cache(self) -> Path:
        return self.home / "hf" / "hub"

    def folder(self, repository: str = REPOSITORY) -> Path:
        return self.cache / f"models--{repository.replace('/', '--')}"

    def blob(self, path: str = VAE, repository: str = REPOSITORY) -> Path:
        digest = self.hub.repositories[repository].files[path].digest
        return self.folder(repository) / "blobs" / digest

    def link(self, path: str = VAE) -> Path:
        return self.folder() / "snapshots" / ("c" * 40) / path


def recipe(home: Path, id: str, **where: str) -> None:
    folder = home / "config" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    ((key, value),) = where.items()
    text = RECIPE.format(id=id, where=key, value=value)
    (folder / f"{id}.toml").write_text(text, "utf-8")


def demo_files() -> dict[str, File]:
    return {
        path: File((demo_weights() / path).read_bytes(), lfs=path.endswith(".safetensors"))
        for path in PATHS
    }


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    recipe(tmp_path, "tiny", repository=REPOSITORY)
    recipe(tmp_path, "twin", repository=TWIN)
    recipe(tmp_path, "mine", folder=str(tmp_path / "mine"))
    with running_hub() as hub:
        hub.add(Repository(REPOSITORY, demo_files()))
        hub.add(Repository(TWIN, demo_files(), commit="d" * 40))
        with daemon_with(hub, tmp_path, monkeypatch) as daemon:
            yield House(hub, daemon, tmp_path)


async def pulled(client: Client, model: str = "tiny") -> ModelStatus:
    done = await over(client, await client.pull(model))
    assert (done.state, done.error) == (DownloadState.COMPLETED, None)
    return await client.model(model)


async def over(client: Client, asked: Download) -> Download:
    return asked if ended(asked) else await when(client, asked.id, ended)


def spoil(path: Path, at: int = -1) -> None:
    """Change one byte, and leave size and time of modification as they were."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


async def state_of(client: Client, model: str = "tiny") -> WeightsState:
    return (await client.model(model)).weights.state


async def test_what_was_pulled_is_verified_and_not_read_again(house: House) -> None:
    async with house.daemon.client() as client:
        model = await pulled(client)
        assert model.weights.state is WeightsState.VERIFIED
        assert all(file.state is WeightsState.VERIFIED for file in model.weights.files)
        assert model.weights.pinned
        assert model.health.last_verified_at is not None
        asked = await client.verify("tiny")
        assert (asked.state, asked.action) == (DownloadState.COMPLETED, DownloadAction.VERIFY)
    house.daemon.stop()
    successor = house.daemon.restart()
    async with successor.client() as client:
        assert await state_of(client) is WeightsState.VERIFIED
        sent = house.hub.sent
        await pulled(client)
        assert house.hub.sent == sent
        deep = await over(client, await client.verify("tiny", Depth.DEEP))
        assert deep.state is DownloadState.COMPLETED
        assert deep.bytes_done == deep.bytes_total == model.weights.bytes_present
    successor.stop()


@pytest.mark.parametrize("path", [VAE, TOKENIZER, "model_index.json"])
async def test_one_changed_bit_is_found_and_only_its_file_is_fetched(
    house: House, path: str
) -> None:
    async with house.daemon.client() as client:
        await pulled(client)
        spoil(house.blob(path))
        assert await state_of(client) is WeightsState.UNVERIFIED
        verified = await over(client, await client.verify("tiny"))
        assert verified.state is DownloadState.FAILED
        assert verified.error is not None
        assert (verified.error.code, verified.error.detail["paths"]) == ("weights_corrupt", [path])
        assert verified.error.hint == "run: wantui repair tiny"
        model = await client.model("tiny")
        (bad,) = model.weights.bad
        assert (model.weights.state, bad.path) == (WeightsState.CORRUPT, path)
        assert model.health.last_error is not None
        with pytest.raises(WeightsCorrupt):
            await client.submit(tiny(model="tiny"))
        sent = house.hub.sent
        mapped = house.link(path).open("rb")  # as a worker has it
        before = mapped.read()
        repaired = await over(client, await client.repair("tiny"))
        assert (repaired.state, repaired.error) == (DownloadState.COMPLETED, None)
        assert await state_of(client) is WeightsState.VERIFIED
        mapped.seek(0)
        assert mapped.read() == before
        mapped.close()
    content = house.hub.repositories[REPOSITORY].files[path].content
    assert house.hub.sent - sent == len(content)
    assert house.link(path).read_bytes() == content


async def test_a_truncated_file_and_one_of_zeros_are_corrupt(house: House) -> None:
    async with house.daemon.client() as client:
        await pulled(client)
        text, vae = house.blob("text_encoder/model.safetensors"), house.blob()
        for blob in (text, vae):
            blob.chmod(0o644)
        os.truncate(text, text.stat().st_size - 1)
        vae.write_bytes(bytes(vae.stat().st_size))
        quick = await over(client, await client.verify("tiny", Depth.STRUCTURE))
        assert quick.error is not None
        assert set(quick.error.detail["paths"]) == {"text_encoder/model.safetensors", VAE}
        await over(client, await client.repair("tiny"))
        assert await state_of(client) is WeightsState.VERIFIED


async def test_files_that_changed_places_are_not_believed(house: House) -> None:
    async with house.daemon.client() as client:
        await pulled(client)
        first, second = house.link("vae/config.json"), house.link("transformer/config.json")
        targets = first.readlink(), second.readlink()
        for link, target in zip((first, second), reversed(targets), strict=True):
            link.unlink()
            link.symlink_to(target)
        model = await client.model("tiny")
        assert {file.path for file in model.weights.bad} == {
            "vae/config.json",
            "transformer/config.json",
        }
        await over(client, await client.repair("tiny"))
        assert await state_of(client) is WeightsState.VERIFIED
    assert first.readlink() == targets[0]


async def test_what_another_tool_brought_is_verified_before_its_first_load(
    house: House,
) -> None:
    fetched_by_hub_client(house)
    async with house.daemon.client() as client:
        assert await state_of(client) is WeightsState.UNVERIFIED
        job = await client.submit(tiny(model="tiny"))
        done = await job_when(client, job.id, finished)
        assert done.state is JobState.COMPLETED
        assert await state_of(client) is WeightsState.VERIFIED
        (verification,) = (await client.downloads()).downloads
        assert verification.action is DownloadAction.VERIFY
    with_hub = huggingface_hub.snapshot_download(
        REPOSITORY, cache_dir=house.cache, local_files_only=True
    )
    assert Path(with_hub) == house.link().parent.parent


def fetched_by_hub_client(house: House) -> None:
    """In a process of its own: the client reads HF_ENDPOINT when it is imported."""

    code = f"from huggingface_hub import snapshot_download as s; s({REPOSITORY!r})"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**house.daemon.environment, "HF_HUB_DISABLE_XET": "1"},
        check=True,
        capture_output=True,
    )


async def test_unproven_weights_run_at_once_if_the_job_says_so(house: House) -> None:
    fetched_by_hub_client(house)
    async with house.daemon.client() as client:
        job = await client.submit(tiny(model="tiny", unverified=True))
        done = await job_when(client, job.id, finished)
        assert (done.state, done.unverified) == (JobState.COMPLETED, True)
        assert (await client.downloads()).downloads == ()
        assert await state_of(client) is WeightsState.UNVERIFIED


async def test_a_corrupt_file_is_never_loaded_and_the_job_waits_for_its_repair(
    house: House,
) -> None:
    async with house.daemon.client() as client:
        await pulled(client)
        spoil(house.blob())
        waiting = await client.submit(tiny(model="tiny"))
        await job_when(client, waiting.id, lambda job: job.waits_for == (WaitsFor.WEIGHTS,))
        async for _ in client.follow():
            if await state_of(client) is WeightsState.CORRUPT:
                break
        assert (await client.job(waiting.id)).attempts == ()
        await client.repair("tiny")
        done = await job_when(client, waiting.id, finished)
        assert done.state is JobState.COMPLETED


async def test_a_file_that_changes_while_the_worker_starts_is_not_loaded(house: House) -> None:
    async with house.daemon.client() as client:
        await pulled(client)
        job = await client.submit(tiny(model="tiny"))
        await job_when(client, job.id, lambda job: job.state is JobState.RUNNING)
        spoil(house.blob())
        waiting = await job_when(client, job.id, lambda job: job.state is not JobState.RUNNING)
        assert waiting.state is JobState.QUEUED, waiting.error
        async for _ in client.follow():
            if await state_of(client) is WeightsState.CORRUPT:
                break
        await client.repair("tiny")
        done = await job_when(client, job.id, finished)
        assert (done.state, len(done.attempts)) == (JobState.COMPLETED, 1)


async def test_a_job_can_have_its_weights_fetched_and_mended(house: House) -> None:
    async with house.daemon.client() as client:
        with pytest.raises(WeightsAbsent):
            await client.submit(tiny(model="tiny"))
        first = await client.submit(tiny(model="tiny", fetch=True))
        await job_when(client, first.id, lambda job: WaitsFor.WEIGHTS in job.waits_for)
        assert (await job_when(client, first.id, finished)).state is JobState.COMPLETED
        spoil(house.blob())
        await over(client, await client.verify("tiny"))
        second = await client.submit(tiny(model="tiny", fetch=True, seed=8))
        assert (await job_when(client, second.id, finished)).state is JobState.COMPLETED
        assert await state_of(client) is WeightsState.VERIFIED


async def test_a_job_whose_weights_can_never_be_had_says_why(house: House) -> None:
    house.hub.repositories[REPOSITORY].gated = True
    async with house.daemon.client() as client:
        job = await client.submit(tiny(model="tiny", fetch=True))
        failed = await job_when(client, job.id, finished)
    assert failed.error is not None
    assert failed.error.code == "gated_repository"


async def test_verify_and_generate_need_no_network(
    house: House,
) -> None:
    async with house.daemon.client() as client:
        await pulled(client)
    house.daemon.stop()
    house.hub.close()
    offline = RunningDaemon(
        {**house.daemon.environment, "HF_HUB_OFFLINE": "1"},
        house.daemon.paths,
        house.daemon.process,
    ).restart()
    async with offline.client() as client:
        deep = await over(client, await client.verify("tiny", Depth.DEEP))
        assert deep.state is DownloadState.COMPLETED
        job = await client.submit(tiny(model="tiny"))
        assert (await job_when(client, job.id, finished)).state is JobState.COMPLETED
        failed = await over(client, await client.repair("tiny"))
        assert failed.error is not None
        assert failed.error.code == "hub_offline"
    offline.stop()


async def test_weights_in_a_folder_of_ones_own_are_read_but_never_called_verified(
    house: House,
) -> None:
    shutil.copytree(demo_weights(), house.home / "mine", ignore=shutil.ignore_patterns("SHA*"))
    async with house.daemon.client() as client:
        job = await client.submit(tiny(model="mine"))
        assert (await job_when(client, job.id, finished)).state is JobState.COMPLETED
        model = await client.model("mine")
        assert model.weights.state is WeightsState.UNVERIFIED
        assert model.weights.checked
        with pytest.raises(InvalidRequest):
            await client.repair("mine")
        os.truncate(house.home / "mine" / VAE, 1000)
        bad = await over(client, await client.verify("mine"))
        assert bad.error is not None
        assert bad.error.detail["paths"] == [VAE]


async def test_a_killed_verification_goes_on(house: House) -> None:
    fetched_by_hub_client(house)
    async with house.daemon.client() as client:
        asked = await client.verify("tiny", Depth.DEEP)
        for _ in range(2):
            for child in psutil.Process(house.daemon.pid).children():
                child.send_signal(signal.SIGKILL)
        done = await over(client, asked)
        assert (done.state, done.error) == (DownloadState.COMPLETED, None)
        assert await state_of(client) is WeightsState.VERIFIED


async def test_what_two_repositories_have_in_common_is_fetched_and_kept_once(
    house: House,
) -> None:
    big = File(os.urandom(3_000_000))
    for name in (REPOSITORY, TWIN):
        house.hub.repositories[name].files[VAE] = big
    async with house.daemon.client() as client:
        await pulled(client, "tiny")
        sent = house.hub.sent
        twin = await pulled(client, "twin")
        assert house.hub.sent - sent < 1_000_000
        assert twin.weights.state is WeightsState.VERIFIED
        assert await state_of(client, "tiny") is WeightsState.VERIFIED
        one, other = house.blob(), house.blob(repository=TWIN)
        assert one.samefile(other)
        spoil(one)
        await over(client, await client.repair("twin"))
        assert one.read_bytes() == other.read_bytes() == big.content
        assert await state_of(client, "tiny") is WeightsState.VERIFIED
        plan = await client.remove("twin", dry_run=True)
        assert plan.freed_bytes < 1_000_000
        await client.remove("twin", dry_run=False)
        assert await state_of(client, "tiny") is WeightsState.VERIFIED
        assert await state_of(client, "twin") is WeightsState.ABSENT
        freed = await client.remove("tiny", dry_run=False)
        assert freed.freed_bytes > 3_000_000


async def test_rm_says_exactly_what_it_frees_and_refuses_what_is_needed(house: House) -> None:
    async with house.daemon.client() as client:
        model = await pulled(client)
        await client.pause()
        job = await client.submit(tiny(model="tiny"))
        with pytest.raises(WeightsInUse):
            await client.remove("tiny", dry_run=True)
        await client.cancel(job.id)
        await client.keep("tiny", kept=True)
        with pytest.raises(WeightsInUse):
            await client.remove("tiny", dry_run=False)
        kept = await client.keep("tiny", kept=False)
        assert not kept.weights.kept
        plan = await client.remove("tiny", dry_run=True)
        assert (plan.done, plan.freed_bytes) == (False, model.weights.bytes_present)
        assert await state_of(client) is WeightsState.VERIFIED
        done = await client.remove("tiny", dry_run=False)
        assert (done.done, done.freed_bytes) == (True, plan.freed_bytes)
        assert await state_of(client) is WeightsState.ABSENT
        with pytest.raises(WeightsAbsent):
            await client.remove("tiny", dry_run=True)
        with pytest.raises(InvalidRequest):
            await client.remove("demo", dry_run=True)
    assert not house.folder().exists()


async def test_prune_takes_what_nobody_names_and_leaves_a_cache_that_others_read(
    house: House,
) -> None:
    house.hub.faults = [Fault(VAE, stall_after=20_000)]
    async with house.daemon.client() as client:
        await pulled(client, "twin")
        asked = await client.pull("tiny")
        await when(client, asked.id, lambda download: download.bytes_done > 0)
        await client.pause_download(asked.id)
        assert (await client.prune(dry_run=True)).removals == ()  # it goes on one day
        house.daemon.kill()
    orphan = house.folder(TWIN) / "blobs" / ("0" * 64)
    orphan.write_bytes(bytes(1000))
    old = house.folder(TWIN) / "snapshots" / ("e" * 40)
    old.mkdir()
    (old / "only.json").symlink_to(f"../../blobs/{'1' * 64}")
    (house.folder(TWIN) / "blobs" / ("1" * 64)).write_bytes(b"{}")
    successor = house.daemon.restart()
    async with successor.client() as client:
        await client.cancel_download(asked.id)
        plan = await client.prune(dry_run=True)
        (twin,) = (item for item in plan.removals if item.repository == TWIN)
        assert (twin.revisions, twin.orphans, twin.freed_bytes) == (("e" * 40,), 1, 1002)
        assert (await client.prune(dry_run=False)).freed_bytes == plan.freed_bytes
        assert await state_of(client, "twin") is WeightsState.VERIFIED
        assert (await client.prune(dry_run=True)).removals == ()
    successor.stop()
    seen = huggingface_hub.scan_cache_dir(house.cache)
    assert not seen.warnings
    assert {(repo.repo_id, len(repo.revisions)) for repo in seen.repos} >= {(TWIN, 1)}


@pytest.mark.parametrize("killed", ["daemon", "fetcher"])
@pytest.mark.parametrize("state", [WeightsState.VERIFIED, WeightsState.CORRUPT])
async def test_a_name_that_a_kill_left_untold_has_its_file_read_again_unasked(
    house: House, killed: str, state: WeightsState
) -> None:
    async with house.daemon.client() as client:
        await pulled(client, "twin")
        house.hub.faults = [Fault(TOKENIZER, stall_after=100)]
        asked = await client.pull("tiny")
        await when(client, asked.id, lambda download: download.bytes_done > 0)
    (fetcher,) = psutil.Process(house.daemon.pid).children()
    os.kill(house.daemon.pid if killed == "daemon" else fetcher.pid, signal.SIGKILL)
    if killed == "daemon":
        house.daemon.process.wait()
    blob = house.blob(repository=TWIN)
    os.link(blob, house.home / "untold")  # the last that the fetcher did
    if state is WeightsState.CORRUPT:
        spoil(blob)
    daemon = house.daemon.restart() if killed == "daemon" else house.daemon
    async with daemon.client() as client:
        await client.pause_download(asked.id)
        async for _ in client.follow():
            if (seen := await state_of(client, "twin")) is not WeightsState.UNVERIFIED:
                break
        assert seen is state
    daemon.stop()


async def test_weights_that_do_not_load_are_read_again_once_and_then_the_job_fails(
    house: House,
) -> None:
    files = house.hub.repositories[REPOSITORY].files
    config = json.loads(files["vae/config.json"].content)
    files["vae/config.json"] = File(json.dumps({**config, "z_dim": 7}).encode(), lfs=False)
    async with house.daemon.client() as client:
        await pulled(client)
        job = await client.submit(tiny(model="tiny"))
        failed = await job_when(client, job.id, finished)
        assert failed.error is not None
        assert failed.error.code == "weights_unreadable"
        assert [attempt.interrupted for attempt in failed.attempts] == [True, False]
        (verification, _) = (await client.downloads()).downloads
        assert verification.action is DownloadAction.VERIFY


async def test_a_cache_that_cannot_be_written_is_named(house: House) -> None:
    house.cache.parent.mkdir(parents=True, exist_ok=True)
    house.cache.write_bytes(b"in the way")
    async with house.daemon.client() as client:
        failed = await over(client, await client.pull("tiny"))
        assert failed.error is not None
        assert failed.error.code in ("cache_unusable", "folder_unsafe")
        assert str(house.cache) in failed.error.message


async def test_a_verification_tells_how_far_it_is(house: House) -> None:
    house.hub.repositories[REPOSITORY].files[VAE] = File(os.urandom(60_000_000))
    async with house.daemon.client() as client:
        await pulled(client)
        asked = await client.verify("tiny", Depth.DEEP)
        seen = await seen_until(client, asked.id, ended)
    assert any(0 < item.bytes_done < (item.bytes_total or 0) for item in seen)


def test_who_waits_for_weights_is_told_how_they_come(house: House) -> None:
    made = wantui(
        house.daemon.environment, "generate", "a boat", "--model", "tiny", "--pull", *TINY[2:]
    )
    assert "tiny: pull running" in made.stderr
    assert made.stdout.strip().endswith("output.mp4")


def test_the_command_line_verifies_repairs_and_removes(house: House) -> None:
    environment = house.daemon.environment
    plan = document(environment, "pull", "tiny", "--dry-run")
    assert (plan["license"], plan["gated"]) == ("apache-2.0", False)
    assert plan["bytes_to_fetch"] == plan["bytes_total"] > 0
    shown = wantui(environment, "pull", "tiny", "--dry-run").stdout
    assert "apache-2.0, not gated" in shown
    wantui(environment, "pull", "tiny", "--yes")
    assert wantui(environment, "verify", "tiny").stderr.strip() == "tiny: verify completed"
    spoil(house.blob())
    bad = wantui(environment, "verify", "tiny", exits=1)
    assert f"{VAE} of tiny is bad" in bad.stderr
    assert "run: wantui repair tiny" in bad.stderr
    assert "✗ corrupt" in wantui(environment, "show", "tiny").stdout
    assert "wantui repair tiny" in wantui(environment, "ls").stderr
    assert wantui(environment, "repair", "tiny").stderr.strip().endswith("repair completed")
    assert "is kept" in wantui(environment, "keep", "tiny").stderr
    wantui(environment, "rm", "tiny", "--yes", exits=1)
    wantui(environment, "keep", "tiny", "--off")
    assert "nobody to ask" in wantui(environment, "rm", "tiny", exits=2).stderr
    assert "would be freed" in wantui(environment, "rm", "tiny", "--dry-run").stderr
    assert document(environment, "rm", "tiny", "--yes")["done"] is True
    assert "nothing to remove" in wantui(environment, "prune", "--yes").stderr
