"""Themes: kept, corrected, the terminal's own 16 colours; and no colour at all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import made
from tests.running import running_daemon
from tests.tui.conftest import Unconnected
from tests.tui.screens import session_of, show, text, until
from tests.tui.test_wire import terminal_of
from wantui.paths import Paths
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.themes import first_theme, keep, theme_for

SGR = re.compile(rb"\x1b\[([0-9;]*)m")
SIXTEEN = {*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108)}
WORDS: dict[Area, tuple[str, ...]] = {
    Area.GENERATE: ("● connected", "▶ 1 running", "○ 2 queued", "‖ 1 held", "demo  ● verified"),
    Area.QUEUE: (
        *("▶ running", "○ queued", "‖ held", "✓ completed", "✗ failed", "– cancelled"),
        "━━━",
    ),
    Area.MODELS: ("● verified", "○ absent", "◐ partial", "▶ yes"),
    Area.HARDWARE: ("● connected", "▶ 1 running"),
    Area.GALLERY: ("● connected", "▶ 1 running"),
    Area.LOGS: ("● connected", "following"),
}
"""The glyph and the word of every state that an area shows."""

SHOWN_BY = {
    "2": b"no jobs yet",
    "3": b"parameters",
    "4": b"profile",
    "5": b"no clips yet",
    "6": b"listens at",
}
"""What an area says that was not said before it."""


def colours(drawn: bytes) -> Iterator[tuple[int, ...]]:
    """Each colour that was set: (31,), (38, 5, 200) or (38, 2, r, g, b)."""
    for codes in SGR.findall(drawn):
        numbers = [int(code or 0) for code in codes.split(b";")]
        while numbers:
            first = numbers.pop(0)
            if first in (38, 48):
                count = 2 if numbers[0] == 5 else 4
                yield (first, *numbers[:count])
                del numbers[:count]
            elif first in SIXTEEN:
                yield (first,)


@pytest.mark.anyio
@pytest.mark.parametrize("area", Area)
async def test_without_colour_glyph_and_word_say_the_same(
    app_alone: Unconnected, monkeypatch: pytest.MonkeyPatch, area: Area
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with app_alone((120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), area)
        for words in WORDS[area]:
            assert words in text(app)
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    assert colour is None or colour.is_default


@pytest.mark.anyio
async def test_without_colour_the_chosen_row_is_in_reverse(
    app_alone: Unconnected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        chosen = [
            strip.text.split()[0]
            for strip in app.screen._compositor.render_strips()
            if any(part.style and part.style.reverse and "running" in part.text for part in strip)
        ]
        assert chosen == ["9"]


@pytest.mark.anyio
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("settings", "more", "allowed"),
    [
        ('[tui]\ntheme = "ansi"\n', {"COLORTERM": "truecolor"}, {(code,) for code in SIXTEEN}),
        ("", {"COLORTERM": "truecolor", "NO_COLOR": "1"}, set()),
    ],
    ids=["ansi", "no colour"],
)
async def test_on_the_wire_are_no_other_colours(
    tmp_path: Path, settings: str, more: dict[str, str], allowed: set[tuple[int, ...]]
) -> None:
    """From the first byte on, in every area, the help and the palette."""
    with running_daemon(tmp_path, settings) as daemon, terminal_of(daemon, more) as terminal:
        await terminal.sees("● connected".encode())
        terminal.press(b"\x1b")
        await terminal.sees(b"1-6 areas")
        for key, shown in SHOWN_BY.items():
            terminal.press(key.encode())
            await terminal.sees(shown)
        terminal.press(b"?")
        await terminal.sees(b"keys of logs")
        terminal.press(b"\x1b")
        await asyncio.sleep(0.5)  # a key that comes at once would be one with alt
        terminal.press(b"\x10")
        await terminal.sees(b"Go to queue")
        found = set(colours(terminal.seen))
        assert found <= allowed
        assert bool(found) is bool(allowed)


def test_a_choice_stands_until_the_setting_is_edited(tmp_path: Path) -> None:
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    assert theme_for(paths, "textual-dark") == "textual-dark"
    assert first_theme(paths) is None
    keep(paths, "textual-dark", "nord")
    assert theme_for(paths, "textual-dark") == "nord"
    assert first_theme(paths) == "nord"
    paths.config.mkdir()
    paths.settings.write_text('[tui]\ntheme = "ansi"\n', "utf-8")
    assert theme_for(paths, "ansi") == "ansi-dark"
    assert first_theme(paths) == "ansi-dark"
    keep(paths, "ansi", "ansi-dark")
    assert list(paths.state.iterdir()) == []


@pytest.mark.parametrize("written", ["", "[tui", "tui = 1", "[tui]\ntheme = 7", "[tui]\n"])
def test_a_first_frame_is_drawn_whatever_the_settings_are(tmp_path: Path, written: str) -> None:
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path)})
    paths.config.mkdir()
    paths.settings.write_text(written, "utf-8")
    assert first_theme(paths) is None


@pytest.mark.anyio
async def test_a_theme_that_is_chosen_is_there_the_next_time(app_alone: Unconnected) -> None:
    for theme in ("nord", "gruvbox"):
        async with app_alone((80, 24)) as pilot:
            app = pilot.app
            assert isinstance(app, WantuiApp)
            app.theme = theme
            await pilot.pause()
            assert session_of(app).settings.tui.theme == "textual-dark"
        async with app_alone((80, 24)) as pilot:
            assert pilot.app.theme == theme


@pytest.mark.anyio
async def test_a_theme_that_there_is_not_is_said_with_the_nearest(
    app_alone: Unconnected, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "wantui.toml").write_text('[tui]\ntheme = "norde"\n', "utf-8")
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await until(
            pilot, lambda: "no theme is called norde: did you mean nord?" in text(app), "said"
        )
