"""A slow line: told by SSH's variables or a setting, and kind to it in what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import session_of, show, text, until
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.slow_line import SLOW_REFRESH_S, Wanted, is_slow
from wantui.tui.state import Learned

SSH = {"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22"}


@pytest.mark.parametrize(
    ("wanted", "environment", "slow"),
    [
        ("auto", SSH, True),
        ("auto", {"SSH_TTY": "/dev/pts/1"}, True),
        ("auto", {"SSH_TTY": ""}, False),
        ("auto", {"TERM": "xterm"}, False),
        ("off", SSH, False),
        ("on", {}, True),
    ],
)
def test_a_line_is_slow_over_ssh_or_as_one_says(
    wanted: Wanted, environment: Mapping[str, str], slow: bool
) -> None:
    assert is_slow(wanted, environment) is slow


@pytest.mark.anyio
async def test_over_ssh_what_ended_elsewhere_is_a_line_and_not_a_toast(
    app_alone: Unconnected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", SSH["SSH_CONNECTION"])
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        assert session_of(app).low_bandwidth
        assert session_of(app).refresh_s == SLOW_REFRESH_S
        await show(pilot, made.status(made.running(1)), Area.MODELS)
        session_of(app).dispatch(Learned("b00t", (made.completed(1, rev=2, prompt="boats"),)))
        await until(pilot, lambda: "job 1 completed: boats" in text(app), "the last line")
        assert not app._notifications


@pytest.mark.anyio
async def test_a_setting_says_that_ssh_is_fast(
    app_alone: Unconnected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", SSH["SSH_CONNECTION"])
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "wantui.toml").write_text('[tui]\nlow_bandwidth = "off"\n', "utf-8")
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        assert not session_of(app).low_bandwidth
        assert session_of(app).refresh_s == session_of(app).settings.tui.refresh_s
