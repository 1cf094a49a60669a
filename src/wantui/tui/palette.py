"""What the palette finds: the actions of this screen and of everywhere, then the CLI's verbs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from wantui.tui import verbs
from wantui.tui.actions import Action, of

if TYPE_CHECKING:
    from wantui.tui.app import WantuiApp


def commands(app: WantuiApp) -> Iterator[SystemCommand]:
    """In the order in which they are shown before anything is typed."""
    for action in (*of(app.area_screen.AREA), *of(None)):
        if action.name != "command_palette":
            yield _command(app, action)
    yield SystemCommand("wantui: theme", "Choose other colours", app.action_change_theme)
    for name, way in verbs.VERBS.items():
        yield SystemCommand(f"wantui {name}", verbs.sentence(way), partial(verbs.go, app, way))


def _command(app: WantuiApp, action: Action) -> SystemCommand:
    target = app.area_screen if action.area else app
    return SystemCommand(
        f"{action.area or 'wantui'}: {action.word}",
        f"{action.sentence}  ({app.keys.shown(action)})",
        lambda: app.run_action(action.name, target),
    )
