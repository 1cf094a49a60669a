"""The daemon under systemd: the unit file, and a real manager that starts it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import WANTUI, document, wantui
from tests.running import environment_for
from tests.user_manager import UserManager, user_manager
from wantui.client.unit import Unit
from wantui.paths import Paths


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home and a configuration folder of one's own, with what a shell has to quote in them."""
    settings = tmp_path / "my $config 100%"
    home = environment_for(tmp_path / "a home")
    return home | {"XDG_CONFIG_HOME": str(settings), "PYTHONPATH": _absolute_modules()}


def _absolute_modules() -> str:
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(str(Path(entry).absolute()) for entry in entries if entry)


def unit_of(environment: dict[str, str]) -> Unit:
    return Unit.of(Paths.from_environment(environment), environment)


def inside(manager: UserManager, *words: str, exits: int = 0) -> dict[str, Any]:
    done = manager.run(*WANTUI, *words, "--json")
    assert done.returncode == exits, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def state(manager: UserManager, unit: Unit, which: str) -> str:
    """What systemd says of the unit, once it is not on its way down any more."""
    while (said := _state(manager, unit, which)) == "deactivating":
        pass
    return said


def _state(manager: UserManager, unit: Unit, which: str) -> str:
    return manager.run("systemctl", "--user", which, unit.name).stdout.strip()


def test_the_unit_is_printed_without_a_change(environment: dict[str, str]) -> None:
    printed = wantui(environment, "daemon", "install", "--print").stdout
    assert printed == unit_of(environment).text
    assert "Type=notify" in printed
    assert "@" not in printed
    assert f'Environment="WANTUI_HOME={environment["WANTUI_HOME"]}"' in printed
    assert not unit_of(environment).path.exists()


def test_no_token_is_written_to_a_unit(environment: dict[str, str]) -> None:
    told = environment | {"HF_TOKEN": "hf_secret", "HF_ENDPOINT": "http://hub.test"}
    printed = wantui(told, "daemon", "install", "--print").stdout
    assert "hf_secret" not in printed
    assert "HF_ENDPOINT=http://hub.test" in printed


def test_another_home_is_another_unit(environment: dict[str, str], tmp_path: Path) -> None:
    other = unit_of(environment | {"WANTUI_HOME": str(tmp_path / "other")})
    plain = {name: value for name, value in environment.items() if name != "WANTUI_HOME"}
    assert unit_of(plain).name == "wantui.service"
    assert len({other.name, unit_of(environment).name, "wantui.service"}) == 3


def test_without_a_manager_the_unit_is_written_and_taken_away_again(
    environment: dict[str, str],
) -> None:
    nobody = environment | {"XDG_RUNTIME_DIR": environment["WANTUI_HOME"]}
    installed = wantui(nobody, "daemon", "install")
    assert unit_of(environment).path.read_text("utf-8") == unit_of(environment).text
    assert "no systemd answers" in installed.stderr
    assert document(nobody, "daemon", "uninstall")["removed"] is True
    assert document(nobody, "daemon", "uninstall")["removed"] is False
    assert not unit_of(environment).path.exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_finds_nothing_to_say_against_the_unit(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with user_manager(environment, lingers=False) as manager:
        file = tmp_path / "checked.service"
        file.write_text(unit_of(environment).text, "utf-8")
        checked = manager.run("systemd-analyze", "--user", "verify", str(file))
    assert (checked.returncode, checked.stderr) == (0, "")


def test_an_installed_daemon_is_started_stopped_and_restarted_as_its_unit(
    environment: dict[str, str],
) -> None:
    unit = unit_of(environment)
    with user_manager(environment, lingers=False) as manager:
        assert inside(manager, "daemon", "install")["enabled"] is True
        assert state(manager, unit, "is-enabled") == "enabled"
        started = inside(manager, "daemon", "start")
        assert state(manager, unit, "is-active") == "active"
        main = manager.run("systemctl", "--user", "show", "--property=MainPID", unit.name).stdout
        assert main.strip() == f"MainPID={started['pid']}"
        assert inside(manager, "daemon", "restart")["pid"] != started["pid"]
        assert state(manager, unit, "is-active") == "active"
        assert inside(manager, "daemon", "stop")["stopped"] is True
        assert state(manager, unit, "is-active") == "inactive"
        assert inside(manager, "daemon", "uninstall")["removed"] is True
        assert state(manager, unit, "is-enabled") != "enabled"


@pytest.mark.slow
def test_a_unit_that_fails_is_told_in_the_daemons_own_words(environment: dict[str, str]) -> None:
    with user_manager(environment, lingers=False) as manager:
        inside(manager, "daemon", "install")
        database = Paths.from_environment(environment).database
        database.write_bytes(b"this is no database" * 100)
        told = inside(manager, "daemon", "start", exits=3)
    assert str(database) in told["error"]["message"]


def test_a_daemon_that_would_end_with_the_session_is_not_left_to_systemd(
    environment: dict[str, str],
) -> None:
    with user_manager(environment, lingers=False) as manager:
        pid = inside(manager, "daemon", "start")["pid"]
        assert state(manager, unit_of(environment), "is-active") == "inactive"
        assert inside(manager, "daemon", "status")["pid"] == pid
        inside(manager, "daemon", "stop")


def test_where_sessions_do_not_matter_systemd_runs_what_was_never_installed(
    environment: dict[str, str],
) -> None:
    told = environment | {"WANTUI_TEST": "50% of $HOME", "NOTIFY_SOCKET": "/of/another/unit"}
    with user_manager(told, lingers=True) as manager:
        pid = inside(manager, "daemon", "start")["pid"]
        assert state(manager, unit_of(environment), "is-active") == "active"
        seen = manager.run("cat", f"/proc/{pid}/environ").stdout.split("\0")
        assert "WANTUI_TEST=50% of $HOME" in seen
        assert "NOTIFY_SOCKET=/of/another/unit" not in seen
        assert inside(manager, "daemon", "restart")["pid"] != pid
        assert state(manager, unit_of(environment), "is-active") == "active"
        inside(manager, "daemon", "stop")
        assert state(manager, unit_of(environment), "is-active") == "inactive"
