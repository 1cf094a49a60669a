"""The colours: the settings' theme, or the one that was chosen in the palette since.

A choice is kept in the state folder, for wantui never writes to a file that people edit. It stands
as long as the setting does that it was made over: who edits the setting gets what they wrote.
"""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Mapping

from wantui.errors import FolderUnsafe, WantuiError
from wantui.paths import Paths

NAMES = {"ansi": "ansi-dark"}
"""Ours of Textual's themes; `ansi` is the terminal's own 16 colours."""

log = logging.getLogger(__name__)


def first_theme(paths: Paths) -> str | None:
    """Textual's name of the theme of the first frame, which is drawn before settings are loaded.

    None where nobody asked for one, or that cannot be told yet: the settings will say why.
    """
    try:
        setting = tomllib.loads(paths.settings.read_text("utf-8")).get("tui", {}).get("theme")
    except (OSError, ValueError, AttributeError):
        setting = None
    kept = _kept(paths)
    if kept and setting in (None, kept["setting"]):
        return kept["theme"]
    return textual_name(setting) if isinstance(setting, str) else None


def theme_for(paths: Paths, setting: str) -> str:
    """Textual's name of the theme that was chosen over this setting, else of the setting."""
    kept = _kept(paths)
    return kept["theme"] if kept and kept["setting"] == setting else textual_name(setting)


def keep(paths: Paths, setting: str, theme: str) -> None:
    """Remember a choice; best effort, for a full disk must not disturb whoever likes colours."""
    from wantui.files import private_folder, write_atomic  # noqa: PLC0415 - after the first frame

    try:
        if theme == textual_name(setting):
            (paths.state / _FILE).unlink(missing_ok=True)
        else:
            private_folder(paths.state)
            choice = json.dumps({"theme": theme, "setting": setting})
            write_atomic(paths.state / _FILE, choice.encode())
    except (OSError, FolderUnsafe, WantuiError) as error:
        log.warning("the theme was not kept: %s", error)


def textual_name(setting: str) -> str:
    return NAMES.get(setting, setting)


_FILE = "tui-theme.json"


def _kept(paths: Paths) -> Mapping[str, str] | None:
    try:
        kept = json.loads((paths.state / _FILE).read_text("utf-8"))
        return {"theme": str(kept["theme"]), "setting": str(kept["setting"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
