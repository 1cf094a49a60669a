"""The doctor in a daemon and without one; and with attention that is broken in every worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.command import document, wantui
from tests.running import RunningDaemon, environment_for, running_daemon, tiny
from wantui.api.doctor import Diagnosis, Finding, Severity
from wantui.api.job import JobState

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 350
BREAK = '''
"""Loaded by every Python that has this folder on its path: attention loses a tenth in workers."""
import sys

if "wantui.worker" in sys.orig_argv:
    from torch.nn import functional

    whole = functional.scaled_dot_product_attention
    functional.scaled_dot_product_attention = lambda *args, **kinds: whole(*args, **kinds) * 0.9
'''


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """What an environment needs for its workers to attend wrongly."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BREAK)
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([before] if before else [])])}


def diagnosed(environment: Mapping[str, str], *flags: str, exits: int) -> Diagnosis:
    """By `python -m wantui.daemon doctor`."""
    done = subprocess.run(
        [sys.executable, "-m", "wantui.daemon", "doctor", "--json", *flags],
        env=dict(environment),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == exits, done.stdout + done.stderr
    return Diagnosis.model_validate_json(done.stdout)


def of(diagnosis: Diagnosis, check: str) -> list[Finding]:
    return [finding for finding in diagnosis.findings if finding.check == check]


def errors(diagnosis: Diagnosis) -> list[str]:
    found = diagnosis.findings
    return [finding.check for finding in found if finding.severity is Severity.ERROR]


@pytest.mark.anyio
async def test_a_clip_through_the_queue_is_as_the_reference_and_leaves_no_job(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        before = (await client.jobs()).jobs
        diagnosis = await client.doctor()
        assert errors(diagnosis) == [], diagnosis.findings
        (clip,) = of(diagnosis, "clip")
        assert clip.severity is Severity.OK
        assert "float32" in clip.what
        assert not of(diagnosis, "driver")[0].fix
        assert (await client.jobs()).jobs == before
    kept = {job.id for job in before}
    assert {int(path.name) for path in daemon.paths.jobs.iterdir()} <= kept


@pytest.mark.slow
@pytest.mark.anyio
async def test_no_clip_is_made_while_the_queue_is_paused_or_others_come_first(
    tmp_path: Path,
) -> None:
    with running_daemon(tmp_path) as running:
        async with running.client() as client:
            await client.pause()
            job = await client.submit(tiny(size="256x256", frames=33, steps=100))
            (clip,) = of(await client.doctor(), "clip")
            assert (clip.severity, clip.fix[:13]) == (Severity.WARN, "wantui resume")
            assert (await client.job(job.id)).state is JobState.QUEUED
            await client.resume()
            (clip,) = of(await client.doctor(), "clip")
            wanted = f"wantui wait {job.id} && wantui doctor"
            assert (clip.severity, clip.fix) == (Severity.WARN, wanted)
            await client.cancel(job.id)


@pytest.mark.anyio
async def test_broken_attention_is_found_by_its_kernel_and_by_its_clip(
    tmp_path: Path, broken: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    with running_daemon(tmp_path / "home") as running:
        async with running.client() as client:
            diagnosis = await client.doctor()
            assert (await client.jobs()).jobs == ()
    assert errors(diagnosis) == ["attention", "clip"]
    (clip,) = of(diagnosis, "clip")
    assert "what is computed here is wrong" in clip.what
    assert not list((tmp_path / "home" / "cache").rglob("*.safetensors")), "a wrong embedding"


@pytest.mark.slow
def test_broken_attention_is_found_without_a_daemon(tmp_path: Path, broken: dict[str, str]) -> None:
    home = tmp_path / "home"
    diagnosis = diagnosed(environment_for(home) | broken, exits=1)
    assert errors(diagnosis) == ["attention", "clip"]
    assert not (home / "state" / "wantui.db").exists()
    assert not (home / "data").exists()


def test_an_engine_that_does_not_import_is_found_with_its_own_words(tmp_path: Path) -> None:
    torch = tmp_path / "modules" / "torch"
    torch.mkdir(parents=True)
    said = "libcudart.so.13: cannot open shared object file"
    (torch / "__init__.py").write_text(f"raise ImportError({said!r})")
    environment = environment_for(tmp_path / "home") | {"PYTHONPATH": str(torch.parent)}
    diagnosis = diagnosed(environment, "--quick", exits=1)
    (engine,) = of(diagnosis, "engine")
    assert said in engine.what
    assert engine.fix == "python -m wantui.worker probe"
    assert errors(diagnosis) == ["engine"]


def test_settings_that_no_daemon_starts_with_are_found_with_a_folder_that_is_open(
    tmp_path: Path,
) -> None:
    environment = environment_for(tmp_path, "[worker]\ncompiled = false\n")
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "state").chmod(0o755)
    told = document(environment, "doctor", "--quick", exits=1)
    diagnosis = Diagnosis.model_validate(told, strict=False)
    assert errors(diagnosis) == ["settings", "access", "daemon"]
    (settings,) = of(diagnosis, "settings")
    assert "worker.compiled" in settings.what
    assert of(diagnosis, "clip") == []


def test_the_verb_tells_findings_in_lines_and_environments_that_differ(
    daemon: RunningDaemon,
) -> None:
    environment = daemon.environment | {"HF_ENDPOINT": "https://mirror.example"}
    done = wantui(environment, "doctor", "--quick")
    assert "ok     driver      " in done.stdout
    assert "warn   settings    HF_ENDPOINT is https://mirror.example here" in done.stdout
    assert "fix: wantui daemon restart" in done.stdout
    assert "to mend; it took" in done.stderr
    assert json.loads(wantui(environment, "doctor", "--quick", "--json").stdout)["quick"] is True


def test_a_daemon_that_runs_is_known_to_the_doctor_that_needs_none(daemon: RunningDaemon) -> None:
    diagnosis = diagnosed(daemon.environment, "--quick", exits=0)
    (known,) = of(diagnosis, "daemon")
    assert f"pid {daemon.pid}" in known.what
