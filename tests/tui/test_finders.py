"""The dialogs that something is found in: how they look, and that any text only is text there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import lines, session_of, show, text, until
from tests.tui.snapshot import SIZES, compare, size_name
from tests.tui.test_foreign_text import NASTY, harmless
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.pictures import listing
from wantui.tui.screens.generate import GenerateScreen
from wantui.tui.widgets.finder import Finder
from wantui.tui.widgets.picture_finder import PictureFinder

pytestmark = pytest.mark.anyio

PRESETS: dict[str, dict[str, Any]] = {
    "night drive": {"prompt": "a car at night, wet asphalt, neon", "model": "t2v-a14b"},
    "small": {"prompt": "boats", "model": "demo", "size": "64x64", "steps": 4},
    "style only": {"negative_prompt": "fog\nrain", "loras": ["film:0.8", "zoom"]},
}


def app_of(pilot: Pilot[int]) -> WantuiApp:
    assert isinstance(pilot.app, WantuiApp)
    return pilot.app


async def found(pilot: Pilot[int], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Finder), "a dialog to find in")
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=size_name)
async def test_presets_look_as_they_did(app_alone: Unconnected, size: tuple[int, int]) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, made.busy(), Area.GENERATE)
        for name, fields in PRESETS.items():
            session_of(app_of(pilot)).presets.save(name, fields)
        await found(pilot, "ctrl+t")
        await pilot.press("down")
        await compare(pilot, f"presets-{size_name(size)}")


@pytest.mark.parametrize("size", SIZES, ids=size_name)
async def test_earlier_prompts_look_as_they_did(
    app_alone: Unconnected, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, made.busy(), Area.GENERATE)
        for prompt in ("boats", "a red ball\nrolls away", "a long one " * 20):
            session_of(app_of(pilot)).prompts.add(prompt)
        await found(pilot, "ctrl+r")
        await compare(pilot, f"prompts-{size_name(size)}")


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
async def test_any_prompt_and_any_preset_is_only_text(app_alone: Unconnected, nasty: str) -> None:
    async with app_alone((80, 24)) as pilot:
        app = app_of(pilot)
        await show(pilot, made.busy(), Area.GENERATE)
        harmful = nasty.encode("utf-8", "ignore").decode() or "x"
        session_of(app).prompts.add(nasty)
        session_of(app).presets.save(
            "p",
            {
                "prompt": harmful,
                harmful: harmful,
                "model": harmful,
                "label": harmful,
                "negative_prompt": harmful,
            },
        )
        for key in ("ctrl+r", "ctrl+t"):
            await found(pilot, key)
            assert all(harmless(line) for line in lines(app))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, GenerateScreen), "it taken")
            await pilot.pause()
            assert all(harmless(line) for line in lines(app))


async def test_a_folder_that_cannot_be_looked_into_is_said(
    app_alone: Unconnected, tmp_path: Path
) -> None:
    async with app_alone((80, 24)) as pilot:
        await show(pilot, made.busy(), Area.GENERATE)
        app = app_of(pilot)
        app.push_screen(PictureFinder(listing(tmp_path / "gone"), 1000, plain=False))
        await until(pilot, lambda: "✗ cannot look into it" in text(app), "why")
        await pilot.press("backspace")
        await until(pilot, lambda: "✗" not in text(app), "the folder above")


async def test_what_is_no_picture_after_all_is_said_beside(
    app_alone: Unconnected, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "text.png").write_text("no picture", "utf-8")
    (shelf / "vast.png").write_bytes(bytes(2000))
    async with app_alone((120, 40)) as pilot:
        await show(pilot, made.busy(), Area.GENERATE)
        app = app_of(pilot)
        app.push_screen(PictureFinder(listing(shelf), 1000, plain=False))
        await until(pilot, lambda: "vast.png" in text(app), "the folder")
        await pilot.press(*"vast")
        await until(pilot, lambda: "2.0 kB; 1.0 kB are allowed" in text(app), "its size")
        await pilot.press(*["backspace"] * 4, *"text")
        await until(pilot, lambda: "picture" in text(app).lower().split("text.png")[1], "a note")
