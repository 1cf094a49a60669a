"""Ten screens with their colours, as SVG: `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests import made
from tests.tui.screens import disconnect, session_of, settled, show, text, until
from wantui.api.error import ErrorBody
from wantui.paths import Paths
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.state import Lost

SIZE = (100, 30)
Enter = Callable[[Pilot[int]], Awaitable[None]]
Compare = Callable[..., bool]
"""Of pytest-textual-snapshot: an app, its size, and what is done before it is drawn."""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WantuiApp:
    """That nobody answers."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setenv("WANTUI_HOST", f"unix://{tmp_path}/nobody.sock")
    return WantuiApp(Paths.from_environment({"WANTUI_HOME": str(tmp_path)}))


def busy(area: Area, *keys: str) -> Enter:
    """An area of a daemon at work, after some keys."""

    async def enter(pilot: Pilot[int]) -> None:
        await disconnect(pilot)
        await show(pilot, made.busy(), area)
        await pilot.press(*keys)
        await settled(pilot)

    return enter


async def lost(pilot: Pilot[int]) -> None:
    await busy(Area.QUEUE)(pilot)
    app: Any = pilot.app
    error = ErrorBody(code="daemon_unreachable", message="the daemon went away", hint="")
    session_of(app).dispatch(Lost(error, retry_at=0.0))
    await until(pilot, lambda: "✗ disconnected, retry in 0 s" in text(app), "lost")


async def in_sixteen_colours(pilot: Pilot[int]) -> None:
    await busy(Area.QUEUE)(pilot)
    pilot.app.theme = "ansi-dark"
    await settled(pilot)


SCREENS: dict[str, Enter] = {
    **{area.value: busy(area) for area in Area},
    "help": busy(Area.QUEUE, "question_mark"),
    "confirm": busy(Area.QUEUE, "c"),
    "disconnected": lost,
    "ansi": in_sixteen_colours,
}


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_has_the_colours_it_had(app: WantuiApp, snap_compare: Compare, name: str) -> None:
    assert snap_compare(app, terminal_size=SIZE, run_before=SCREENS[name])
