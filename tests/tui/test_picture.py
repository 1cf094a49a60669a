"""The widget that shows a picture: what is drawn, what is repainted, and how it plays."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import ModalScreen

from tests.tui.drawn import BLUE, RED, animation, png
from tests.tui.screens import PATIENCE_S
from wantui.tui.mosaic import Depth
from wantui.tui.widgets.picture import Picture, _style

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def many_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a terminal that has them."""
    monkeypatch.setenv("COLORTERM", "truecolor")


class Wall(App[None]):
    CSS = "Picture { width: 40; height: 12; }"

    def compose(self) -> ComposeResult:
        yield Picture("nothing yet")


def picture_of(pilot: Pilot[None]) -> Picture:
    return pilot.app.query_one(Picture)


async def shown(pilot: Pilot[None]) -> Picture:
    """Once there is a film."""
    picture = picture_of(pilot)
    async with asyncio.timeout(PATIENCE_S):
        while picture.film is None:
            await pilot.pause(0.02)
    await pilot.pause()
    return picture


def lines(pilot: Pilot[None]) -> list[str]:
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip)[:40] for strip in strips][:12]


async def test_a_picture_is_in_the_middle_of_its_room() -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        picture_of(pilot).show(png(40, 40))
        picture = await shown(pilot)
        assert picture.film is not None
        assert picture.film.room == (24, 12)
        strip = picture.render_line(3)
        assert strip.cell_length == 40
        assert [len(segment.text) for segment in strip] == [8, 24, 8]
        style = list(strip)[1].style
        assert style is not None
        assert style.bgcolor is not None
        assert style.bgcolor.triplet is not None
        assert tuple(style.bgcolor.triplet) == RED


async def test_without_a_picture_and_without_one_that_can_be_read_there_are_words() -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        assert any("nothing yet" in line for line in lines(pilot))
        picture_of(pilot).show(b"\x89PNG [red] no \x1b[31m picture")
        async with asyncio.timeout(PATIENCE_S):
            while not any("no picture can be made of it" in line for line in lines(pilot)):
                await pilot.pause(0.02)
        picture_of(pilot).show(None, "[red]\x1b]0;x\x07gone")
        await pilot.pause()
        assert any("[red]gone" in line for line in lines(pilot))


async def test_the_same_picture_again_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        content = animation()
        picture_of(pilot).show(content)
        picture = await shown(pilot)
        repainted: list[object] = []
        monkeypatch.setattr(picture, "refresh", lambda *args, **_: repainted.append(args))
        film = picture.film
        picture.show(bytes(content))
        await pilot.pause(0.2)
        assert picture.film is film
        assert not repainted


async def test_of_the_next_frame_only_what_moved_is_repainted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        picture_of(pilot).show(animation())
        picture = await shown(pilot)
        repainted: list[Region] = []
        refresh = picture.refresh

        def noted(*regions: Region) -> None:
            repainted.extend(regions)
            refresh(*regions)

        monkeypatch.setattr(picture, "refresh", noted)
        picture.turn_to(1)
        assert repainted
        assert sum(region.area for region in repainted) < 0.2 * 40 * 12
        await pilot.pause()
        one = lines(pilot)
        pilot.app.refresh()
        await pilot.pause()
        assert lines(pilot) == one


async def test_playing_goes_round_and_a_step_stops_at_a_frame() -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        picture_of(pilot).show(animation(4))
        picture = await shown(pilot)
        seen: set[int] = set()
        picture.play(50)
        async with asyncio.timeout(PATIENCE_S):
            while seen != {0, 1, 2, 3}:
                seen.add(picture.frame)
                await pilot.pause(0.005)
        picture.pause()
        picture.turn_to(-1)
        assert (picture.frame, picture.playing) == (3, False)
        picture.loops = False
        picture.play(50)
        assert picture.frame == 0
        async with asyncio.timeout(PATIENCE_S):
            while picture.playing:
                await pilot.pause(0.005)
        assert picture.frame == 3


async def test_nothing_plays_beneath_a_dialog() -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        picture_of(pilot).show(animation())
        picture = await shown(pilot)
        picture.play(100)
        await pilot.app.push_screen(ModalScreen())
        frame = picture.frame
        await pilot.pause(0.2)
        assert picture.frame == frame


async def test_another_size_is_another_drawing_and_the_frame_stays() -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        picture_of(pilot).show(animation())
        picture = await shown(pilot)
        picture.turn_to(5)
        picture.styles.width = 20
        async with asyncio.timeout(PATIENCE_S):
            while picture.film is None or picture.film.room[0] != 20:
                await pilot.pause(0.02)
        assert picture.frame == 5


async def test_without_colour_there_are_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with Wall().run_test(size=(60, 14)) as pilot:
        picture_of(pilot).show(png(40, 20, (255, 255, 255)))
        picture = await shown(pilot)
        assert picture.film is not None
        assert picture.film.frames[0].depth is Depth.DOTS
        assert "⣿" * 40 in lines(pilot)[5]


async def test_on_request_there_are_dots() -> None:
    async with Wall().run_test(size=(60, 14)) as pilot:
        picture_of(pilot).plain = True
        picture_of(pilot).show(animation())
        picture = await shown(pilot)
        assert picture.film is not None
        assert picture.film.frames[0].depth is Depth.DOTS


def test_two_equal_halves_are_one_ground() -> None:
    packed = int.from_bytes(bytes((*BLUE, 255)), "little")
    style = _style(packed, packed)
    assert style.color is None
    assert style.bgcolor is not None
