"""Settings: the shipped file holds every default, and a mistake is named."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from wantui.errors import SettingsInvalid
from wantui.paths import Paths, shipped_config
from wantui.settings import Settings, load_settings


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    made.config.mkdir()
    return made


def refused(paths: Paths, toml: str) -> SettingsInvalid:
    paths.settings.write_text(toml, "utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(paths)
    assert str(paths.settings) in caught.value.message
    return caught.value


def keys(model: type[BaseModel]) -> dict[str, Any]:
    return {
        name: keys(field.annotation)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        else None
        for name, field in model.model_fields.items()
    }


def names(table: dict[str, Any]) -> dict[str, Any]:
    """Tables that ship empty take any key."""
    return {
        name: names(value) if value and isinstance(value, dict) else None
        for name, value in table.items()
    }


def test_the_shipped_file_has_every_setting_and_no_other() -> None:
    shipped = tomllib.loads((shipped_config() / "wantui.toml").read_text("utf-8"))
    assert names(shipped) == keys(Settings)


def test_every_shipped_setting_says_why() -> None:
    lines = (shipped_config() / "wantui.toml").read_text("utf-8").splitlines()
    group_has_comment = False
    for line in lines:
        if line.startswith("#"):
            group_has_comment = True
        elif "=" in line:
            assert group_has_comment, line
        else:
            group_has_comment = False


def test_without_a_file_the_shipped_settings_hold(paths: Paths) -> None:
    assert load_settings(paths).default_model == "auto"


def test_a_users_file_changes_what_it_names_and_nothing_else(paths: Paths) -> None:
    shipped = load_settings(paths)
    paths.settings.write_text('default_model = "demo"\n[worker]\nkeep_alive_s = 5\n', "utf-8")
    own = load_settings(paths)
    assert own.default_model == "demo"
    assert own.worker.keep_alive_s == 5.0
    assert own.worker.start_timeout_s == shipped.worker.start_timeout_s
    assert own.queue == shipped.queue


def test_an_unknown_key_is_refused_with_the_nearest_known_one(paths: Paths) -> None:
    error = refused(paths, "[worker]\nkeep_alive = 5\n")
    assert "worker.keep_alive" in error.message
    assert "worker.keep_alive_s" in error.hint
    assert "default_model" in refused(paths, 'default_modle = "demo"').hint
    assert "wokrer" in refused(paths, "[wokrer]\n").message


def test_a_key_outside_of_its_section_is_told_where_it_belongs(paths: Paths) -> None:
    assert "tui.theme" in refused(paths, 'theme = "x"').hint


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("[worker]\nkeep_alive_s = 0\n", "worker.keep_alive_s"),
        ("[worker]\nkeep_alive_s = '5'\n", "worker.keep_alive_s"),
        ("[worker]\nkeep_alive_s = nan\n", "worker.keep_alive_s"),
        ("[worker]\nkeep_alive_s = inf\n", "worker.keep_alive_s"),
        ("[logs]\nfile_bytes = true\n", "logs.file_bytes"),
        ("[logs]\nbackups = -1\n", "logs.backups"),
        ("logs = 3\n", "logs"),
        ("default_model = ['demo']\n", "default_model"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_key(paths: Paths, toml: str, key: str) -> None:
    assert f": {key}: " in refused(paths, toml).message


def test_a_file_that_is_no_toml_is_refused(paths: Paths) -> None:
    assert "line 1" in refused(paths, "default_model = \n").message


def test_a_file_that_is_not_utf8_or_is_a_folder_is_refused(paths: Paths) -> None:
    paths.settings.write_bytes(b"theme = '\xff'")
    with pytest.raises(SettingsInvalid):
        load_settings(paths)
    paths.settings.unlink()
    paths.settings.mkdir()
    with pytest.raises(SettingsInvalid):
        load_settings(paths)
