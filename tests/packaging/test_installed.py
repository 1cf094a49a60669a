"""The wheel as a user gets it: what travels in it, and what works without the engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.running import environment_for
from wantui.errors import EngineMissing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CHECKOUT = Path(__file__).parents[2]


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """Standard out of a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, target: Path, kind: str) -> Path:
    """An sdist or wheel, built with what is installed."""
    run(sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "-o", target, source)
    [made] = target.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(CHECKOUT, tmp_path_factory.mktemp("wheel"), "wheel")


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_settings_recipes_migrations_and_the_demo(wheel: Path) -> None:
    names = contents(wheel)
    assert {
        "wantui/_config/wantui.toml",
        "wantui/_config/models/t2v-a14b.toml",
        "wantui/_config/qualities/faithful.toml",
        "wantui/_config/profiles/rtx-4090.toml",
        "wantui/migrations/0001_jobs.sql",
        "wantui/demo/weights/model_index.json",
        "wantui/py.typed",
    } <= names


def test_a_wheel_built_from_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build(CHECKOUT, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [source] = (tmp_path / "unpacked").iterdir()
    assert contents(build(source, tmp_path / "again", "wheel")) == contents(wheel)


def test_the_base_works_without_the_engine_and_says_how_to_get_it(
    wheel: Path, tmp_path: Path
) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    tools = tmp_path / "venv" / "bin"
    constraints = CHECKOUT / "scripts" / "constraints.txt"
    run(tools / "python", "-m", "pip", "install", "-q", "-c", constraints, wheel)
    home = environment_for(tmp_path / "home")
    environment = {**home, "PATH": f"{tools}{os.pathsep}{home['PATH']}"}
    wantui = tools / "wantui"

    assert "wantui" in run(wantui, "--version", environment=environment)
    run(tools / "python", "-c", "import wantui.tui.app", environment=environment)
    show = "from wantui.paths import shipped_config; print(shipped_config())"
    shipped = Path(run(tools / "python", "-c", show).strip())
    assert shipped.is_relative_to(tmp_path / "venv")
    assert shipped.name == "_config"
    find = "from importlib.util import find_spec; print(find_spec('torch'))"
    assert run(tools / "python", "-c", find) == "None\n"

    run(wantui, "daemon", "start", environment=environment)
    try:
        status = json.loads(run(wantui, "daemon", "status", "--json", environment=environment))
        assert status["engine_installed"] is False
        assert "demo" in run(wantui, "ls", "--json", environment=environment)
        refused = subprocess.run(
            [str(wantui), "generate", "a cat", "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        run(wantui, "daemon", "stop", environment=environment)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == EngineMissing.code
    assert "pip install 'wantui[engine]'" in refused.stderr
