"""Presets: one to fill in, one to remove, or what is typed saved as another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from wantui.client.presets import Preset, Presets
from wantui.errors import WantuiError
from wantui.text import one_line
from wantui.tui.fuzzy import best
from wantui.tui.latest import run_latest
from wantui.tui.tone import Tone
from wantui.tui.widgets.confirm import confirm
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.finder import Finder
from wantui.tui.widgets.table import Column, Row


@dataclass(frozen=True)
class SaveAs:
    """What is typed in the form is to become a preset."""

    name: str
    """As far as somebody has said."""


class PresetFinder(Finder[Preset | SaveAs]):
    """The preset that was chosen, or the wish to save one."""

    DEFAULT_CSS = """
    PresetFinder Facts { height: 8; border-top: solid $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save what is typed", priority=True),
        Binding("delete,ctrl+d", "remove", "Remove it", priority=True),
    ]
    COLUMNS = (
        Column("preset", 24),
        Column("model", 12, from_width=50),
        Column("size", 10, from_width=60),
        Column("prompt"),
    )
    EMPTY = "none: ^s saves what is typed as one"
    KEYS = "enter fills it in, ^s saves what is typed, del removes it, esc leaves"

    def __init__(self, presets: Presets, known: tuple[Preset, ...]) -> None:
        super().__init__("presets")
        self._presets = presets
        self._known = known

    def below(self) -> Iterable[Widget]:
        whole = Facts()
        whole.can_focus = False
        yield whole

    def rows(self, typed: str) -> Sequence[Row]:
        return [_row(preset) for preset in best(typed, self._known, _text)]

    def show_chosen(self) -> None:
        chosen = self._chosen
        fields = chosen.fields.items() if chosen else ()
        self.query_one(Facts).show((name, (_said(value), Tone.PLAIN)) for name, value in fields)

    def take(self, typed: str) -> None:
        """The chosen one; where nothing fits, what was typed is a new one's name."""
        if (chosen := self._chosen) is not None:
            self.dismiss(chosen)
        elif typed.strip():
            self.dismiss(SaveAs(typed.strip()))

    def action_save(self) -> None:
        self.dismiss(SaveAs(self.typed.strip()))

    def action_remove(self) -> None:
        if (chosen := self._chosen) is not None:
            question = f"Remove the preset {one_line(chosen.name, 60)}?"
            confirm(
                self.app,
                question,
                yes="remove it",
                no="keep it",
                then=lambda: run_latest(self, "remove", self._removed, chosen),
            )

    async def _removed(self, preset: Preset) -> None:
        try:
            await asyncio.to_thread(self._presets.remove, preset.name)
            self._known = await asyncio.to_thread(self._presets.all)
        except WantuiError as error:
            self.say(f"✗ {error.told}")
            return
        self.say(f"removed {one_line(preset.name, 60)}", Tone.GOOD)
        self.draw()

    @property
    def _chosen(self) -> Preset | None:
        name = self.table.chosen
        return next((preset for preset in self._known if preset.name == name), None)


def _text(preset: Preset) -> str:
    return f"{preset.name} {preset.fields.get('model', '')} {preset.fields.get('prompt', '')}"


def _row(preset: Preset) -> Row:
    model, size, prompt = (str(preset.fields.get(name, "")) for name in ("model", "size", "prompt"))
    return Row(
        preset.name,
        (
            (preset.name, Tone.STRONG),
            (model, Tone.PLAIN),
            (size, Tone.PLAIN),
            (prompt, Tone.MUTED),
        ),
    )


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
