"""The player, a filtered gallery, and logs with lines in them, as text."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.drawn import animation
from tests.tui.screens import show, until
from tests.tui.snapshot import SIZES, compare, size_name
from wantui.api.log import LogText
from wantui.errors import NoPicture
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.screens.logs import LogsScreen
from wantui.tui.screens.player import Player
from wantui.tui.widgets.picture import Picture

pytestmark = pytest.mark.anyio

MANY = made.status(
    made.completed(8, prompt="a red circle moving left on a black background"),
    made.completed(7, prompt="a blue boat at night"),
    made.completed(5, prompt="a boat in the morning, red [sails]"),
)


@pytest.fixture(autouse=True)
def many_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a terminal that has them, however these tests are run."""
    monkeypatch.setenv("COLORTERM", "truecolor")


async def fetched() -> bytes:
    return animation()


async def refused() -> bytes:
    raise NoPicture("job 8 has no proxy: it was made before wantui kept one")


async def at_third_frame(pilot: Pilot[int], *, slow_line: bool) -> None:
    """In a player that stands still."""
    await pilot.app.push_screen(Player("job 8: a [red] square", fetched, slow_line=slow_line))
    picture = pilot.app.screen.query_one(Picture)
    await until(pilot, lambda: picture.playing, "playing")
    await pilot.press("space", "home", "right", "right")
    await until(pilot, lambda: picture.frame == 2, "the third frame")


@pytest.mark.parametrize("size", SIZES, ids=size_name)
async def test_the_player_looks_as_it_did(app_alone: Unconnected, size: tuple[int, int]) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, MANY, Area.GALLERY)
        await at_third_frame(pilot, slow_line=False)
        await compare(pilot, f"player-{size_name(size)}")


async def test_on_a_slow_line_the_player_has_dots(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        await show(pilot, MANY, Area.GALLERY)
        await at_third_frame(pilot, slow_line=True)
        await compare(pilot, "player-slow-80x24")


async def test_a_player_without_a_clip_says_why(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        await show(pilot, MANY, Area.GALLERY)
        await pilot.app.push_screen(Player("job 8", refused, slow_line=False))
        await compare(pilot, "player-refused-80x24")


@pytest.mark.parametrize("size", SIZES, ids=size_name)
async def test_a_filtered_gallery_looks_as_it_did(
    app_alone: Unconnected, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, MANY, Area.GALLERY)
        await pilot.press("slash", *"boat red")
        await compare(pilot, f"gallery-filtered-{size_name(size)}")


LINES = "".join(
    f"time=2026-11-27T18:14:{number:02}.123Z level={level} from=worker.denoise pid=1 "
    f'job={number} message="step {number} of a job"\n'
    for number, level in enumerate(("debug", "info", "warning", "error") * 8)
) + (
    'time=2026-11-27T18:15:00.123Z level=error from=daemon.lane pid=1 job=7 message="it broke" '
    'exception="Traceback (most recent call last):\\n  File \\"x.py\\"\\nKeyError: 1"\n'
    "[red]printed[/] by a library\x1b[2J, without a level\n"
)


@pytest.mark.parametrize("size", SIZES, ids=size_name)
async def test_logs_with_a_level_a_text_and_a_chosen_line_look_as_they_did(
    app_alone: Unconnected, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, MANY, Area.LOGS)
        screen = app.area_screen
        assert isinstance(screen, LogsScreen)
        screen._take(LogText(name="daemon", text=LINES, offset=0, next_offset=len(LINES)))
        await compare(pilot, f"logs-lines-{size_name(size)}")
        await pilot.press("v", "v", "slash", *"job 7", "enter", "k")
        await compare(pilot, f"logs-filtered-{size_name(size)}")
