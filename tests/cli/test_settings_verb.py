"""`wantui config`, and what every verb says of settings that are wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.cli.command import document, wantui
from tests.running import environment_for
from wantui.cli.config import toml_lines
from wantui.paths import Paths
from wantui.settings import load_settings


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    keys = '[tui.keys]\n"queue.cancel" = "x"\n'
    return environment_for(tmp_path, f'[tui]\ntheme = "ansi \\u007f \\"quoted\\""\n{keys}')


def test_the_toml_printed_is_the_settings_in_force(environment: dict[str, str]) -> None:
    settings = load_settings(Paths.from_environment(environment))
    assert tomllib.loads("\n".join(toml_lines(settings))) == settings.model_dump(mode="json")
    assert wantui(environment, "config").stdout == "\n".join(toml_lines(settings)) + "\n"


def test_the_path_is_that_of_the_users_own_file(environment: dict[str, str]) -> None:
    path = Paths.from_environment(environment).settings
    assert wantui(environment, "config", "--path").stdout == f"{path}\n"
    assert document(environment, "config", "path")["path"] == str(path)


def test_a_setting_that_nobody_knows_is_refused_with_the_nearest(tmp_path: Path) -> None:
    environment = environment_for(tmp_path, "[worker]\nkeep_alive = 3.0\n")
    refused = wantui(environment, "config", "check", exits=2)
    assert refused.stdout == ""
    assert "keep_alive" in refused.stderr
    assert "hint: did you mean worker.keep_alive_s?" in refused.stderr


def test_settings_that_are_right_are_said_to_be(environment: dict[str, str]) -> None:
    assert document(environment, "config", "check")["valid"] is True
