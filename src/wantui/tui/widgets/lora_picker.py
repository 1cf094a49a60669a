"""LoRAs to choose from: which, how strong, and for which expert."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from wantui.tui.lora_choices import Choice, Choices
from wantui.tui.tone import Tone
from wantui.tui.widgets.quiet import Quiet
from wantui.tui.widgets.table import Column, Row, Table

_COLUMNS = (
    Column("", 1),
    Column("LoRA"),
    Column("strength", 8, right=True),
    Column("expert", 6),
    Column("fits", 24, from_width=80),
)
_NARROW = (*_COLUMNS[:3], _COLUMNS[4])
_KEYS = "space chooses, - and + change the strength"
_KEYS_END = ", enter takes them, esc leaves"
_HOW = "wantui lora add FILE, or OWNER/REPO/FILE of the hub"


class LoraPicker(ModalScreen[str | None]):
    """Those that were chosen, as the field writes them, or None."""

    DEFAULT_CSS = """
    LoraPicker { align: center middle; }
    LoraPicker > Vertical {
        width: 90%; max-width: 110; height: 80%; max-height: 24; padding: 1 2;
        border: round $primary; background: $surface;
    }
    LoraPicker Quiet { height: auto; }
    LoraPicker Table { margin: 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "Choose it, or not"),
        Binding("plus,equals_sign", "strength(1)", "Stronger"),
        Binding("minus", "strength(-1)", "Weaker"),
        Binding("e", "expert", "For high noise, low noise, or both"),
        Binding("enter", "take", "Take what is chosen"),
        Binding("escape", "leave", "Leave the field as it was"),
    ]

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self._choices = choices

    def compose(self) -> ComposeResult:
        columns = _COLUMNS if self._choices.two_experts else _NARROW
        with Vertical():
            head = Quiet()
            head.say((f"LoRAs for {self._choices.model}", Tone.STRONG))
            yield head
            yield Table(*columns, empty="")
            keys = Quiet()
            keys.say((self._told(), Tone.MUTED))
            yield keys

    def on_mount(self) -> None:
        self._draw()

    def _told(self) -> str:
        """The keys, or where there is nothing to choose how that changes."""
        others = self._choices.others
        more = f" {others} that fit other models are not shown." if others else ""
        if not self._choices.all:
            return f"The daemon keeps none that fits. Add one: {_HOW}; esc leaves.{more}"
        experts = ", e the expert" if self._choices.two_experts else ""
        return f"{_KEYS}{experts}{_KEYS_END}.{more}"

    def _draw(self) -> None:
        rows = [self._row(index, each) for index, each in enumerate(self._choices.all)]
        self.query_one(Table).show(rows)

    def _row(self, index: int, each: Choice) -> Row:
        tone = Tone.PLAIN if each.chosen else Tone.MUTED
        expert = ((each.expert.value, tone),) if self._choices.two_experts else ()
        return Row(
            index,
            (
                ("✓" if each.chosen else "", Tone.GOOD),
                (each.name, tone),
                (f"{each.strength:g}", tone),
                *expert,
                (each.fits, Tone.MUTED),
            ),
        )

    def _change(self, how: Callable[[Choice], Choice]) -> None:
        index = self.query_one(Table).chosen
        if isinstance(index, int):
            self._choices = self._choices.changed(index, how(self._choices.all[index]))
            self._draw()

    @on(Table.Opened)
    def action_choose(self) -> None:
        self._change(Choice.toggled)

    def action_strength(self, steps: int) -> None:
        self._change(lambda choice: choice.stronger(steps))

    def action_expert(self) -> None:
        if self._choices.two_experts:
            self._change(Choice.for_next_expert)

    def action_take(self) -> None:
        self.dismiss(self._choices.text)

    def action_leave(self) -> None:
        self.dismiss(None)
