"""Where everything lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wantui.mounts import network_filesystem
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


def test_on_a_network_filesystem_the_socket_is_elsewhere_and_the_lock_stays(
    tmp_path: Path,
) -> None:
    environment = {"WANTUI_HOME": str(tmp_path)}
    local = Paths.from_environment(environment)
    shared = Paths.from_environment(environment, network=lambda _: "nfs4")
    assert (local.network, shared.network) == (None, "nfs4")
    assert shared.lock == local.lock
    assert not shared.socket.is_relative_to(tmp_path)
    assert len(os.fsencode(shared.socket)) <= MAX_SOCKET_PATH_BYTES
    other = Paths.from_environment({"WANTUI_HOME": str(tmp_path / "o")}, network=lambda _: "nfs4")
    assert other.socket != shared.socket


@pytest.mark.parametrize(
    ("kind", "told"),
    [("nfs4", "nfs4"), ("fuse.sshfs", "fuse.sshfs"), ("tmpfs", None), ("fuse.mergerfs", None)],
)
def test_a_network_filesystem_is_known_by_its_line_in_the_table_of_mounts(
    tmp_path: Path, kind: str, told: str | None
) -> None:
    folder = Path("/dev/shm")  # a device without a disk, as a network filesystem's
    if not folder.is_dir() or os.major(folder.stat().st_dev) != 0:
        pytest.skip("/dev/shm is no tmpfs here")
    minor = os.minor(folder.stat().st_dev)
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
        f"36 22 0:{minor}0 / /a\\040b rw shared:1 - cifs //box/share rw\n"
        f"37 22 0:{minor} / {folder} rw,nosuid shared:2 master:1 - {kind} box:/export rw,vers=4\n"
    )
    assert network_filesystem(folder, table) == told
    assert network_filesystem(folder / "not" / "there" / "yet", table) == told
    assert network_filesystem(folder, tmp_path / "nowhere") is None


def test_the_disks_of_this_machine_are_no_network(tmp_path: Path) -> None:
    assert network_filesystem(Path("/proc")) is None
    assert network_filesystem(tmp_path) is None


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
