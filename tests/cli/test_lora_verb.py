"""`wantui lora`, as a script and a person use it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import CTRL_C, document, in_terminal, wantui
from tests.hub import Fault, File, Hub, Repository, running_hub
from tests.loras import diffusers_shapes, kohya_shapes, lora_file, original_shapes
from tests.pulling import daemon_with
from tests.running import RunningDaemon
from wantui.text import bytes_text

REPOSITORY = "someone/Wan2.2-loras"
FILE = "style/wan_high_noise.safetensors"
CONTENT = lora_file(diffusers_shapes(rank=75))
UNDER_WAY = rf"\d+ kB of {re.escape(bytes_text(len(CONTENT)))}"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        hub.add(Repository(REPOSITORY, {FILE: File(CONTENT)}))
        yield hub


@pytest.fixture(scope="module")
def own(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    home = tmp_path_factory.mktemp("lora")
    with pytest.MonkeyPatch.context() as patch, daemon_with(hub, home, patch) as daemon:
        yield daemon


@pytest.fixture
def environment(own: RunningDaemon) -> Iterator[dict[str, str]]:
    yield own.environment
    for adapter in document(own.environment, "lora", "ls")["adapters"]:
        wantui(own.environment, "lora", "rm", adapter["id"])


def test_a_file_is_added_listed_and_removed(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "my style.safetensors"
    path.write_bytes(lora_file(kohya_shapes()))
    added = wantui(environment, "lora", "add", path.name, cwd=tmp_path)
    assert added.stdout == "my-style\n"
    assert "rank 4, 20 layers, fits demo" in added.stderr
    head, row = wantui(environment, "lora", "ls").stdout.splitlines()
    assert head.split() == ["NAME", "ID", "RANK", "SIZE", "FITS", "FROM"]
    known = document(environment, "lora", "ls")["adapters"]
    assert row.split()[:3] == ["my-style", known[0]["id"][:12], "4"]
    renamed = document(environment, "lora", "add", str(path), "--name", "other")
    assert renamed == {"schema_version": 1, **known[0], "name": "other"}
    assert document(environment, "lora", "add", str(path), "--name", "other") == renamed
    removed = wantui(environment, "lora", "rm", known[0]["id"][:8])
    assert removed.stdout == ""
    assert removed.stderr.startswith("other: removed")
    assert "no adapters" in wantui(environment, "lora", "ls").stderr
    assert path.exists()


def test_one_from_the_hub_is_added_by_its_path(environment: dict[str, str]) -> None:
    added = wantui(environment, "lora", "add", f"{REPOSITORY}/{FILE}")
    assert added.stdout == "wan_high_noise\n"
    assert "high noise?" in added.stderr
    (adapter,) = document(environment, "lora", "ls")["adapters"]
    assert (adapter["source"]["repository"], adapter["source"]["file"]) == (REPOSITORY, FILE)
    assert adapter["source"]["commit"] == "c" * 40
    assert f"{REPOSITORY}/{FILE} @ cccccccc" in wantui(environment, "lora", "ls").stdout
    pinned = wantui(environment, "lora", "add", f"{REPOSITORY}/{FILE}", "--revision", "v9", exits=1)
    assert "no such revision" in pinned.stderr


def test_what_is_not_taken_says_why_and_exits_as_it_should(
    environment: dict[str, str], tmp_path: Path
) -> None:
    pickle = tmp_path / "a.PT"
    pickle.write_bytes(b"PK\x03\x04")
    unfit = tmp_path / "unfit.safetensors"
    unfit.write_bytes(lora_file(diffusers_shapes(dim=8, ffn=16)))
    for what, code in (
        (pickle, "invalid_adapter"),
        (unfit, "adapter_unfit"),
        (tmp_path, "invalid_adapter"),
        (tmp_path / "none.safetensors", "invalid_adapter"),
        ("none.safetensors", "invalid_request"),
    ):
        refused = wantui(environment, "lora", "add", str(what), "--json", exits=2)
        assert json.loads(refused.stdout)["error"]["code"] == code
        assert "sending" not in refused.stderr
    missing = f"{REPOSITORY}/none.safetensors"
    refused = wantui(environment, "lora", "add", missing, "--json", exits=1)
    assert json.loads(refused.stdout)["error"]["code"] == "file_not_on_hub"
    refused = wantui(environment, "lora", "rm", "nobody", "--json", exits=1)
    assert json.loads(refused.stdout)["error"]["code"] == "unknown_adapter"
    taken = tmp_path / "taken.safetensors"
    for shapes, exits in ((kohya_shapes(), 0), (original_shapes(), 1)):
        taken.write_bytes(lora_file(shapes))
        wantui(environment, "lora", "add", str(taken), "--name", "mine", exits=exits)


def test_a_waiting_add_outlives_a_kill_of_the_daemon(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.append(Fault(FILE, bytes_a_second=600_000))
    with (
        daemon_with(hub, tmp_path, monkeypatch) as daemon,
        in_terminal(daemon.environment, "lora", "add", f"{REPOSITORY}/{FILE}") as terminal,
    ):
        terminal.read_until(UNDER_WAY)
        daemon.kill()
        terminal.read_until("the daemon is away")
        successor = daemon.restart()
        shown = terminal.rest()
        assert terminal.process.returncode == 0, shown
        successor.stop()
    assert "the daemon is back" in shown
    assert shown.rstrip().endswith("wan_high_noise")


def test_it_is_among_the_downloads_and_can_be_paused(environment: dict[str, str], hub: Hub) -> None:
    hub.faults.append(Fault(FILE, bytes_a_second=60_000))
    with in_terminal(environment, "lora", "add", f"{REPOSITORY}/{FILE}") as terminal:
        terminal.read_until(UNDER_WAY)
        (item,) = document(environment, "lora", "ls")["downloads"]
        listed = wantui(environment, "downloads").stdout
        assert f"{item['id']}  wan_high_noise  pull running" in listed
        wantui(environment, "downloads", "pause", str(item["id"]))
        assert "is paused" in terminal.rest()
        assert terminal.process.returncode == 1
    wantui(environment, "downloads", "resume", str(item["id"]))
    assert wantui(environment, "lora", "add", f"{REPOSITORY}/{FILE}").stdout == "wan_high_noise\n"
    assert document(environment, "lora", "ls")["downloads"] == []


def test_ctrl_c_leaves_the_pull_to_the_daemon_and_rm_ends_it(
    environment: dict[str, str], hub: Hub
) -> None:
    hub.faults.append(Fault(FILE, bytes_a_second=60_000))
    with in_terminal(environment, "lora", "add", f"{REPOSITORY}/{FILE}") as terminal:
        terminal.read_until(UNDER_WAY)
        terminal.type(CTRL_C)
        assert "the pull of style/wan_high_noise.safetensors goes on" in terminal.rest()
        assert terminal.process.returncode == 130
    assert "wan_high_noise: pull running" in wantui(environment, "lora", "ls").stderr
    ended = wantui(environment, "lora", "rm", "wan_high_noise")
    assert "the pull is cancelled" in ended.stderr
    assert document(environment, "lora", "ls")["downloads"] == []
