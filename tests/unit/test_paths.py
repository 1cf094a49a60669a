"""Where everything lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wantui.paths import MAX_SOCKET_PATH_BYTES, Paths, shipped_config


def test_one_variable_moves_all_of_ours_and_not_the_weights(tmp_path: Path) -> None:
    environment = {"HF_HOME": "/weights"}
    moved = Paths.from_environment({**environment, "WANTUI_HOME": str(tmp_path)})
    for path in (moved.config, moved.state, moved.data, moved.cache, moved.socket, moved.job(7)):
        assert path.is_relative_to(tmp_path)
    assert moved.hub_cache == Paths.from_environment(environment).hub_cache == Path("/weights/hub")


def test_a_relative_home_does_not_move_with_the_working_folder() -> None:
    assert Paths.from_environment({"WANTUI_HOME": "some/home"}).state.is_absolute()


def test_a_socket_path_always_fits_the_kernels_limit(tmp_path: Path) -> None:
    short = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    long = Paths.from_environment({"WANTUI_HOME": str(tmp_path / ("d" * 120))})
    other = Paths.from_environment({"WANTUI_HOME": str(tmp_path / ("e" * 120))})
    assert short.socket == short.run / "wantui.sock"
    assert len(os.fsencode(long.socket)) <= MAX_SOCKET_PATH_BYTES
    assert long.socket != other.socket
    assert long.socket == Paths.from_environment({"WANTUI_HOME": str(long.config.parent)}).socket


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"XDG_CACHE_HOME": "/x/cache"},
        {"HF_HOME": "/x/hf"},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "$SCRATCH/hf", "SCRATCH": "/x/scratch"},
        {"HF_HUB_CACHE": "/x/hub", "HF_HOME": "/x/hf"},
        {"HUGGINGFACE_HUB_CACHE": "/x/old", "HF_HOME": "/x/hf"},
        {"HUGGINGFACE_HUB_CACHE": "/x/old", "HF_HUB_CACHE": "/x/new"},
    ],
    ids=lambda environment: " ".join(environment) or "none",
)
def test_weights_are_where_the_hubs_own_client_puts_them(environment: dict[str, str]) -> None:
    script = (
        "import huggingface_hub.constants as hub; from wantui.paths import Paths;"
        "print(hub.HF_HUB_CACHE); print(Paths.from_environment().hub_cache)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={"HOME": "/x/home", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    theirs, ours = told.stdout.split()
    assert ours == theirs


def test_the_shipped_configuration_is_found() -> None:
    assert (shipped_config() / "wantui.toml").is_file()
    assert (shipped_config() / "models" / "demo.toml").is_file()
