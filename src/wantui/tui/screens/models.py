"""Models: what exists, what of it is on this disk, and how to get the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from wantui.api.model import ModelStatus
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Tone
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.words import have, model_facts, parameters, weights_state

if TYPE_CHECKING:
    from wantui.tui.session import Session

COLUMNS = (
    Column("model", 12),
    Column("weights", 9),
    Column("on disk", 20),
    Column("loaded", 6),
    Column("parameters", 10, right=True),
    Column("license"),
)
EMPTY = "no models known yet: the daemon tells when it answers"


class ModelsScreen(AreaScreen):
    AREA = Area.MODELS
    BINDINGS = bindings(Area.MODELS)
    AUTO_FOCUS = "#models"

    def body(self) -> ComposeResult:
        with Container(classes="halves"):
            yield Table(*COLUMNS, empty=EMPTY, id="models")
            yield Facts(id="model")

    def draw(self, session: Session) -> None:
        self.query_one(Table).show([model_row(m) for m in session.state.models.values()])
        self._draw_details()

    @on(Table.Moved)
    def _draw_details(self) -> None:
        model = self.model
        self.query_one("#model", Facts).show(model_facts(model) if model else ())

    @property
    def model(self) -> ModelStatus | None:
        """The chosen one, as it is now."""
        session, chosen = self.wantui.session, self.query_one(Table).chosen
        return session.state.models.get(chosen) if session and isinstance(chosen, str) else None

    def on_screen_resume(self) -> None:
        """Look at the disk again: files may have come while nobody watched."""
        super().on_screen_resume()
        if self.wantui.session is not None and not self.wantui.session.state.stale:
            self.wantui.work(self.wantui.session.load_models())

    # --- actions ---

    @on(Table.Opened)
    async def action_use(self) -> None:
        if (model := self.model) is not None:
            await self.wantui.generate_with({"model": model.id}, only_model=True)

    def action_copy(self) -> None:
        command = self.model.weights.get_command if self.model else None
        if command:
            self.app.copy_to_clipboard(command)
            self.tell(f"copied: {command}", Tone.GOOD)
        else:
            self.tell("this model ships with wantui: nothing to get")


def model_row(model: ModelStatus) -> Row:
    loaded = ("▶ yes", Tone.BUSY) if model.loaded else ("no", Tone.MUTED)
    return Row(
        model.id,
        (
            (model.id, Tone.PLAIN),
            weights_state(model.weights.state),
            (have(model), Tone.PLAIN),
            loaded,
            (parameters(model.parameter_count), Tone.PLAIN),
            (model.license, Tone.MUTED),
        ),
    )
