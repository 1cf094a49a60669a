"""Models of the user's own with experts in GGUF files: made with, verified, and what they share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import wantui
from tests.gguf_files import weights_of, write_gguf
from tests.pulling import RECIPE, daemon_with, hub_with_ti2v, when
from tests.running import RunningDaemon, job_when, running_daemon, tiny
from wantui.api.download import Download, DownloadState
from wantui.api.job import JobState
from wantui.api.model import WeightsState
from wantui.client import Client
from wantui.errors import WeightsAbsent, WeightsInUse
from wantui.paths import demo_weights

VAE = "vae/diffusion_pytorch_model.safetensors"
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


def own_model(home: Path, base: str, id: str = "q8") -> Path:
    """`BASE:ID`, whose expert is this file."""
    file = home / "models" / "expert.gguf"
    folder = home / "config" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    text = f'id = "{base}:{id}"\nextends = "{base}"\n\n[gguf]\ntransformer = "{file}"\n'
    (folder / "mine.toml").write_text(text, "utf-8")
    return file


def write_expert(file: Path) -> Path:
    """The demo's; its sizes leave a layer in each block to quantise."""
    return write_gguf(file, weights_of(demo_weights() / "transformer"))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    own_model(tmp_path, "demo")
    text = f'id = "demo:whole"\nextends = "demo"\nfolder = "{tmp_path}/whole"\n'
    whole = tmp_path / "config" / "models" / "whole.toml"
    whole.write_text(f'{text}[gguf]\ntransformer = "q8/expert.gguf"\n', "utf-8")
    with running_daemon(tmp_path) as daemon:
        yield daemon


def ended(download: Download) -> bool:
    return not download.state.open


async def pulled(client: Client, model: str) -> Download:
    asked = await client.pull(model)
    return asked if ended(asked) else await when(client, asked.id, ended)


async def test_a_job_is_made_with_it_and_says_that_it_is_not_faithful(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    file = tmp_path / "models" / "expert.gguf"
    async with daemon.client() as client:
        with pytest.raises(WeightsAbsent, match=f"{file} of demo:q8 is missing"):
            await client.submit(tiny(model="demo:q8"))
        write_expert(file)
        asked = await client.submit(tiny(model="demo:q8"))
        quantised = await job_when(client, asked.id, lambda job: job.state.finished)
        published = await client.submit(tiny())
        plain = await job_when(client, published.id, lambda job: job.state.finished)
        model = await client.model("demo:q8")
    assert (quantised.state, plain.state) == (JobState.COMPLETED, JobState.COMPLETED)
    assert (quantised.faithful, plain.faithful) == (False, True)
    assert quantised.output
    assert plain.output
    assert quantised.output.frames_sha256 != plain.output.frames_sha256
    assert quantised.plan
    assert plain.plan
    assert quantised.plan.weights_bytes < plain.plan.weights_bytes
    assert model.quantised
    assert model.weights.checked
    assert not any(offer.faithful for offer in model.qualities)
    shown = wantui(daemon.environment, "show", "demo:q8").stdout
    assert "quantised weights (not faithful)" in shown
    assert str(file) in shown
    shown = wantui(daemon.environment, "job", str(quantised.id)).stdout
    assert "demo:q8, quantised weights (not faithful)" in shown
    made = daemon.call("GET", f"/api/jobs/{quantised.id}/provenance").json()
    assert made["faithful"] is False
    assert len(made["weights"]["models/expert.gguf"]) == 64


async def test_a_folder_may_have_all_of_the_model(daemon: RunningDaemon, tmp_path: Path) -> None:
    shutil.copytree(
        demo_weights(), tmp_path / "whole", ignore=shutil.ignore_patterns("SHA*", "diffusion*")
    )
    shutil.copy(demo_weights() / VAE, tmp_path / "whole" / VAE)
    write_expert(tmp_path / "whole" / "q8" / "expert.gguf")
    write_expert(tmp_path / "models" / "expert.gguf")
    async with daemon.client() as client:
        jobs = [await client.submit(tiny(model=f"demo:{name}")) for name in ("whole", "q8")]
        done = [await job_when(client, job.id, lambda job: job.state.finished) for job in jobs]
        model = await client.model("demo:whole")
    assert "q8/expert.gguf" in [file.path for file in model.weights.files]
    assert len({job.output.frames_sha256 for job in done if job.output}) == 1
    assert [job.state for job in done] == [JobState.COMPLETED] * 2


async def test_a_file_that_is_cut_short_is_found_and_never_loaded(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    file = write_expert(tmp_path / "models" / "expert.gguf")
    os.truncate(file, file.stat().st_size // 2)
    async with daemon.client() as client:
        asked = await client.verify("demo:q8")
        bad = asked if ended(asked) else await when(client, asked.id, ended)
        assert bad.error is not None
        assert (bad.error.code, bad.error.hint) == (
            "weights_corrupt",
            "get that file again: it is your own",
        )
        assert bad.error.detail["paths"] == [str(file)]
        assert "is no sound GGUF file" in bad.error.message
        write_expert(file)
        asked = await client.verify("demo:q8")
        good = asked if ended(asked) else await when(client, asked.id, ended)
        assert good.state is DownloadState.COMPLETED


async def test_all_else_is_fetched_once_and_the_other_model_s_revision_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_expert(own_model(tmp_path, "ti2v-5b"))
    with hub_with_ti2v() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        repository = hub.repositories[RECIPE.repository or ""]
        async with daemon.client() as client:
            assert (await pulled(client, "ti2v-5b:q8")).state is DownloadState.COMPLETED
            base = await client.model("ti2v-5b")
            states = {part.name: part.state for part in base.weights.components}
            assert states["vae"] is WeightsState.VERIFIED
            assert states["transformer"] is WeightsState.PARTIAL
            await pulled(client, "ti2v-5b")
            repository.past["c" * 40] = repository.files
            repository.commit = "d" * 40
            sent = hub.sent
            assert (await pulled(client, "ti2v-5b:q8")).commit == "c" * 40
            assert hub.sent - sent < 5000
            base, mine = await client.model("ti2v-5b"), await client.model("ti2v-5b:q8")
            assert base.weights.state is WeightsState.VERIFIED
            assert base.weights.revision == mine.weights.revision == "c" * 40
            assert mine.weights.state is WeightsState.UNVERIFIED
            held = await client.submit(
                tiny(model="ti2v-5b:q8", size="1280x704", unverified=True, hold=True)
            )
            with pytest.raises(WeightsInUse, match=f"job {held.id} is to be made with"):
                await client.remove("ti2v-5b", dry_run=True)
