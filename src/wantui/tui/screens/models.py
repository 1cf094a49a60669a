"""Models: what exists, what of it is on this disk, and how to get the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from wantui.api.download import ConvertPlan, Download, DownloadState
from wantui.api.model import ModelStatus
from wantui.api.removal import Removals
from wantui.client import report, words
from wantui.text import bytes_text
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Tone
from wantui.tui.widgets.confirm import Confirm
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.words import (
    download_cell,
    download_facts,
    model_facts,
    weights_state,
)

if TYPE_CHECKING:
    from wantui.tui.session import Session

COLUMNS = (
    Column("model", 12),
    Column("weights", 12),
    Column("on disk", 17),
    Column("loaded", 6),
    Column("parameters", 10, right=True),
    Column("succeeded", 11, right=True, from_width=100),
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
        state = session.state
        rows = [model_row(m, state.download_of(m.id)) for m in state.models.values()]
        self.query_one(Table).show(rows)
        self._draw_details()

    @on(Table.Moved)
    def _draw_details(self) -> None:
        model, download = self.model, self.download
        facts = [*download_facts(download)] if download else []
        self.query_one("#model", Facts).show([*facts, *model_facts(model)] if model else ())

    @property
    def model(self) -> ModelStatus | None:
        """The chosen one, as it is now."""
        session, chosen = self.wantui.session, self.query_one(Table).chosen
        return session.state.models.get(chosen) if session and isinstance(chosen, str) else None

    @property
    def download(self) -> Download | None:
        """The chosen model's, if there is one that is not over."""
        session, model = self.wantui.session, self.model
        return session.state.download_of(model.id) if session and model else None

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

    def action_get(self) -> None:
        """Pull, or pause what is pulled, or have it go on."""
        session, model, download = self.wantui.session, self.model, self.download
        if session is None or model is None:
            return
        going = (DownloadState.QUEUED, DownloadState.RUNNING)
        if download is not None and download.state in going:
            id = download.id
            self.wantui.work(session.ask(lambda client: client.pause_download(id)))
        else:
            self.wantui.work(session.ask(lambda client: client.pull(model.id)))

    def action_verify(self) -> None:
        """Hash what is not proven yet."""
        if (model := self.model) is not None:
            self.wantui.request(
                lambda client: client.verify(model.id),
                lambda asked: self.tell(f"{model.id}: {words.downloading(asked)}"),
            )

    def action_repair(self) -> None:
        """Replace the bad files, and only those."""
        model, session = self.model, self.wantui.session
        if model is None or session is None:
            return
        if model.weights.bad:
            self.wantui.work(session.ask(lambda client: client.repair(model.id)))
        else:
            self.tell("no file of it is known to be bad: v verifies them")

    def action_convert(self) -> None:
        """Look what it would take and save, ask, and have the weights rewritten."""
        if (model := self.model) is not None:
            self.wantui.request(lambda client: client.convert_plan(model.id), self._ask_to_convert)

    def _ask_to_convert(self, plan: ConvertPlan) -> None:
        worth = words.conversion_worth(plan)
        if not plan.components:
            self.tell(worth)
            return
        self.app.push_screen(
            Confirm(
                f"Convert {plan.model} to {plan.dtype}? {worth[:1].upper()}{worth[1:]}.",
                yes="convert it",
                no="leave it",
            ),
            lambda sure: self._convert(plan.model) if sure else None,
        )

    def _convert(self, id: str) -> None:
        self.wantui.request(
            lambda client: client.convert(id),
            lambda asked: self.tell(f"{id}: {words.downloading(asked)}"),
        )

    def action_keep(self) -> None:
        """Protect the weights from removal, or no longer."""
        if (model := self.model) is not None:
            kept = not model.weights.kept
            self.wantui.request(
                lambda client: client.keep(model.id, kept=kept),
                lambda now: self.tell(f"{now.id} is {'kept' if kept else 'kept no longer'}"),
            )

    def action_remove(self) -> None:
        """Look what it would free, ask, and remove."""
        if (model := self.model) is not None:
            self.wantui.request(
                lambda client: client.remove(model.id, dry_run=True),
                lambda plan: self._ask_to_remove(model.id, plan),
            )

    def _ask_to_remove(self, id: str, plan: Removals) -> None:
        question = f"Remove the weights of {id}? That frees {bytes_text(plan.freed_bytes)}."
        self.app.push_screen(
            Confirm(question, yes="remove them", no="keep them"),
            lambda sure: self._remove(id) if sure else None,
        )

    def _remove(self, id: str) -> None:
        self.wantui.request(
            lambda client: client.remove(id, dry_run=False),
            lambda done: self.tell(f"{bytes_text(done.freed_bytes)} freed", Tone.GOOD),
        )

    def action_cancel(self) -> None:
        """Give the download up, and what came of files that are not whole."""
        session, download = self.wantui.session, self.download
        if session is not None and download is not None:
            id = download.id
            self.wantui.work(session.ask(lambda client: client.cancel_download(id)))

    def action_copy(self) -> None:
        command = self.model.weights.get_command if self.model else None
        if command:
            self.app.copy_to_clipboard(command)
            self.tell(f"copied: {command}", Tone.GOOD)
        else:
            self.tell("this model ships with wantui: nothing to get")


def model_row(model: ModelStatus, download: Download | None = None) -> Row:
    loaded = ("▶ yes", Tone.BUSY) if model.loaded else ("no", Tone.MUTED)
    return Row(
        model.id,
        (
            (model.id, Tone.PLAIN),
            download_cell(download) if download else weights_state(model.weights.state),
            (words.have(model.weights), Tone.PLAIN),
            loaded,
            (words.parameters(model.parameter_count) or "–", Tone.PLAIN),
            (report.success(model.metrics) or "–", Tone.PLAIN),
            (model.license, Tone.MUTED),
        ),
    )
