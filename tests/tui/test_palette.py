"""The palette: every verb of the command line is in it, and does something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from textual.pilot import Pilot

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import show, text, until
from wantui.cli.main import build_app
from wantui.tui.actions import ACTIONS
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.verbs import VERBS, Acts, Shell, sentence

IN_A_SHELL_ONLY = {
    "events": "a stream for programs",
    "lora add": "a file of the machine that one types on",
    "lora rm": "LoRAs have no list of their own in the TUI",
    "daemon run": "the foreground of another terminal",
    "daemon install": "systemd's business",
    "daemon uninstall": "systemd's business",
    "daemon set-aside": "for a daemon that does not start",
}


def verbs_of_the_command_line() -> Iterator[str]:
    """Every command that can be typed, those of families too."""
    root = typer.main.get_command(build_app(""))
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        yield from (f"{name} {verb}" for verb in inner) if inner else (name,)


def test_every_verb_of_the_command_line_is_in_the_palette_and_no_other() -> None:
    assert set(VERBS) == set(verbs_of_the_command_line())


def test_only_what_is_listed_here_needs_a_shell() -> None:
    assert {name for name, way in VERBS.items() if isinstance(way, Shell)} == set(IN_A_SHELL_ONLY)
    for name, way in VERBS.items():
        if isinstance(way, Shell):
            assert way.command.startswith(f"wantui {name}")


def test_every_verb_says_in_a_sentence_what_it_does() -> None:
    ids = {action.id for action in ACTIONS}
    for way in VERBS.values():
        assert not isinstance(way, Acts) or way.id in ids
        assert sentence(way)


async def choose(pilot: Pilot[int], name: str) -> None:
    """Type a verb into the palette, and take it once it is all that was found."""
    app = pilot.app
    assert isinstance(app, WantuiApp)
    said = sentence(VERBS[name])
    await pilot.press("ctrl+p", *f"wantui {name}")
    await until(pilot, lambda: said in text(app) and "Leave; jobs go on" not in text(app), name)
    await pilot.press("enter")


@pytest.mark.anyio
async def test_a_verb_acts_on_what_is_chosen_where_one_sees_it(app_alone: Unconnected) -> None:
    async with app_alone((120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        await choose(pilot, "cancel")
        await until(pilot, lambda: "Cancel job 9, which is running?" in text(app), "a question")


@pytest.mark.anyio
async def test_from_elsewhere_a_verb_leads_to_the_list_and_says_the_key(
    app_alone: Unconnected,
) -> None:
    async with app_alone((120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.HARDWARE)
        await choose(pilot, "cancel")
        await until(pilot, lambda: app.current_mode == Area.QUEUE, "the queue")
        await until(pilot, lambda: "choose, then c: Cancel the job" in text(app), "the key")
        assert "which is running?" not in text(app)


@pytest.mark.anyio
async def test_what_needs_a_shell_is_copied_for_one(app_alone: Unconnected) -> None:
    async with app_alone((120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.HARDWARE)
        await choose(pilot, "events")
        await until(pilot, lambda: "copied: wantui events -f" in text(app), "said")
        assert app.clipboard == "wantui events -f"
