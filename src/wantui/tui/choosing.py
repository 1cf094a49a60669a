"""Dialogs of the generate screen that need the disk or the API first: each from wish to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from textual.app import App, SuspendNotSupported

from wantui.client.presets import Preset
from wantui.errors import InvalidRequest
from wantui.text import one_line
from wantui.tui.again import preset_of, values_of_preset
from wantui.tui.editor import edited, editor_command
from wantui.tui.form import UPLOADED
from wantui.tui.keys import Keys
from wantui.tui.pictures import folder_to_start_in, listing
from wantui.tui.session import Session
from wantui.tui.tone import Tone
from wantui.tui.widgets.ask import Ask
from wantui.tui.widgets.confirm import Confirm
from wantui.tui.widgets.picture_finder import PictureFinder
from wantui.tui.widgets.preset_finder import PresetFinder, SaveAs
from wantui.tui.widgets.prompt_finder import PromptFinder
from wantui.tui.widgets.words_area import WordsArea


@dataclass(frozen=True)
class Chosen:
    """What came of the dialog about presets."""

    name: str
    told: str
    tone: Tone = Tone.GOOD
    values: Mapping[str, str] | None = None
    """To be typed; None where the form stays."""


async def choose_prompt(app: App[int], session: Session) -> str | None:
    """One that was sent before."""
    known = await asyncio.to_thread(session.prompts.load)
    return await app.push_screen_wait(PromptFinder(known))


async def edit(app: App[object], area: WordsArea) -> None:
    """Have a text edited with the user's own editor, which has the terminal meanwhile.

    Nothing else goes on until it ends, or it would be drawn over. Raises InvalidRequest.
    """
    command = editor_command()
    try:
        with app.suspend():
            came_back = _edited(area.text, command)
    except SuspendNotSupported as error:
        raise InvalidRequest("this terminal cannot be given to an editor", hint="") from error
    if isinstance(came_back, InvalidRequest):
        raise came_back
    area.put(came_back)
    area.focus()


def _edited(text: str, command: list[str]) -> str | InvalidRequest:
    """What is raised while Textual is suspended leaves it so, for good."""
    try:
        return edited(text, command)
    except InvalidRequest as error:
        return error


async def choose_picture(app: App[int], session: Session, typed: str) -> str | None:
    """The path of a picture on this machine, beginning where the typed one is."""
    start = folder_to_start_in("" if typed.startswith(UPLOADED) else typed)
    found = await asyncio.to_thread(listing, start)
    most_bytes = session.settings.limits.image_bytes
    finder = PictureFinder(found, most_bytes, plain=session.low_bandwidth)
    return await app.push_screen_wait(finder)


async def choose_preset(
    app: App[int], session: Session, values: Mapping[str, str], suggested: str
) -> Chosen | None:
    """One to fill in, or what is typed saved as one; None if nothing came of it.

    Raises SettingsInvalid for a file that cannot be read, and InvalidRequest for what is typed.
    """
    known = await asyncio.to_thread(session.presets.all)
    chosen = await app.push_screen_wait(PresetFinder(session.presets, known))
    match chosen:
        case Preset():
            return _filled_in(chosen, session.keys)
        case SaveAs(name):
            return await _saved(app, session, values, name or suggested)
        case _:
            return None


def _filled_in(preset: Preset, keys: Keys) -> Chosen:
    values, lost = values_of_preset(preset)
    name = one_line(preset.name, 40)
    if lost:
        told = f"preset {name}, without {one_line(', '.join(lost), 100)}: there is no field for it"
        return Chosen(preset.name, told, Tone.WARN, values)
    told = f"preset {name} is filled in; {keys.named('generate.submit')} submits"
    return Chosen(preset.name, told, values=values)


async def _saved(
    app: App[int], session: Session, values: Mapping[str, str], suggested: str
) -> Chosen | None:
    fields = preset_of(values)
    name = await app.push_screen_wait(Ask("Save what is typed as the preset", suggested))
    if not name:
        return None
    known = {preset.name for preset in await asyncio.to_thread(session.presets.all)}
    if name in known and not await app.push_screen_wait(
        Confirm(
            f"There is a preset {one_line(name, 60)}: replace it?", yes="replace it", no="keep it"
        )
    ):
        return None
    await asyncio.to_thread(session.presets.save, name, fields)
    return Chosen(name, f"saved as preset {one_line(name, 40)}")
