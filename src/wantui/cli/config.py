"""`wantui config`: the settings in force, and the file to change them in."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from wantui.cli.document import show_document
from wantui.cli.options import Json
from wantui.cli.terminal import narrate, show_raw
from wantui.paths import Paths
from wantui.settings import Settings, load_settings
from wantui.toml_text import key_text, value_text


class Action(enum.StrEnum):
    SHOW = "show"
    PATH = "path"
    CHECK = "check"


def register(app: typer.Typer) -> None:
    app.command()(config)


def config(
    action: Annotated[
        Action, typer.Argument(help="The settings, their file, or only whether it is right.")
    ] = Action.SHOW,
    path: Annotated[bool, typer.Option("--path", help="Short for `config path`.")] = False,
    as_json: Json = False,
) -> None:
    """Print the settings in force as TOML: the shipped ones with yours over them."""
    paths = Paths.from_environment()
    if path or action is Action.PATH:
        _show_path(paths, as_json=as_json)
        return
    settings = load_settings(paths)
    if action is Action.CHECK:
        _show_checked(paths, as_json=as_json)
    elif as_json:
        show_document({"settings": settings.model_dump(mode="json")})
    else:
        show_raw("\n".join(toml_lines(settings)) + "\n")


def toml_lines(settings: Settings) -> Iterator[str]:
    """The settings as TOML 1.0: plain keys first, then a table a section."""
    return _table_lines("", settings.model_dump(mode="json"))


def _table_lines(name: str, fields: dict[str, Any]) -> Iterator[str]:
    sections = {key: value for key, value in fields.items() if isinstance(value, dict)}
    for key, value in fields.items():
        if key not in sections:
            yield f"{key_text(key)} = {value_text(value)}"
    for key, values in sections.items():
        section = f"{name}.{key}" if name else key
        yield ""
        yield f"[{section}]"
        yield from _table_lines(section, values)


def _show_path(paths: Paths, *, as_json: bool) -> None:
    exists = paths.settings.exists()
    if as_json:
        show_document({"path": str(paths.settings), "exists": exists})
        return
    show_raw(f"{paths.settings}\n")
    if not exists:
        narrate("it is not there yet: write only the settings that you want to change")


def _show_checked(paths: Paths, *, as_json: bool) -> None:
    if as_json:
        show_document({"path": str(paths.settings), "valid": True})
    else:
        narrate(f"{paths.settings}: nothing wrong")
