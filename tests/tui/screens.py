"""What is on a screen, as text; and apps in a terminal of a given size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from wantui.api.status import Status
from wantui.paths import Paths
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.session import Session
from wantui.tui.state import Snapshot

SNAPSHOTS = Path(__file__).parent / "snapshots"
PATIENCE_S = 30.0
POLL_S = 0.02
QUIET_S = 0.3


def lines(app: WantuiApp) -> list[str]:
    """The compositor's lines, without trailing spaces."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def text(app: WantuiApp) -> str:
    return "\n".join(lines(app))


async def until(pilot: Pilot[int], met: Callable[[], bool], what: str) -> None:
    """Let the app work until something holds."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not met():
        if asyncio.get_running_loop().time() > deadline:
            app = pilot.app
            assert isinstance(app, WantuiApp)
            raise AssertionError(f"never: {what}\n{text(app)}")
        await asyncio.sleep(POLL_S)
        await pilot.pause()


async def sees(pilot: Pilot[int], wanted: str) -> None:
    app = pilot.app
    assert isinstance(app, WantuiApp)
    await until(pilot, lambda: wanted in text(app), f"{wanted!r} on the screen")


async def settled(pilot: Pilot[int]) -> None:
    """Once nothing is drawn any more: a bar of how far one has scrolled comes layouts later."""
    app = pilot.app
    assert isinstance(app, WantuiApp)
    before = ""
    while before != (before := text(app)):
        await asyncio.sleep(QUIET_S)
        await pilot.pause()


def session_of(app: WantuiApp) -> Session:
    assert app.session is not None
    return app.session


@asynccontextmanager
async def unconnected(
    home: Path, monkeypatch_environment: Callable[[str, str], None], size: tuple[int, int]
) -> AsyncIterator[Pilot[int]]:
    """An app whose daemon nobody runs: it shows what it is told."""
    monkeypatch_environment("WANTUI_HOST", f"unix://{home}/nobody.sock")
    paths = Paths.from_environment({"WANTUI_HOME": str(home)})
    app = WantuiApp(paths)
    async with app.run_test(size=size, notifications=True) as pilot:
        await disconnect(pilot)
        yield pilot


async def disconnect(pilot: Pilot[int]) -> None:
    """Have nobody look for a daemon any more."""
    app = pilot.app
    assert isinstance(app, WantuiApp)
    await until(pilot, lambda: app.session is not None, "a session")
    app.workers.cancel_all()
    await until(pilot, lambda: all(worker.is_finished for worker in app.workers), "no bridge")


async def show(pilot: Pilot[int], status: Status, area: Area) -> None:
    """Have the app draw one area from a snapshot."""
    app = pilot.app
    assert isinstance(app, WantuiApp)
    session_of(app).dispatch(Snapshot(status))
    await app.switch_mode(area)
    await until(pilot, lambda: not app._draw_is_due, "everything drawn")
    await pilot.pause()
