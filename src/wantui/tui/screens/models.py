"""Models: what exists, what of it is on this disk, how to get the rest, and what is loaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from wantui.api.download import ConvertPlan, Download, DownloadState, PullPlan
from wantui.api.model import ModelStatus
from wantui.api.removal import Removals
from wantui.client import report, words
from wantui.text import bytes_text
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.keys import Keys
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Fact, Tone
from wantui.tui.weights_facts import (
    cancel_question,
    moving,
    next_keys,
    nothing_to_pull,
    pull_question,
    removal_question,
    variant_facts,
    weights_facts,
)
from wantui.tui.widgets.confirm import confirm
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.panel import Panel
from wantui.tui.widgets.pulling import Pulling
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.words import download_cell, download_facts, model_facts, weights_state

if TYPE_CHECKING:
    from wantui.client import Client
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
        yield Pulling()
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
        self.query_one(Pulling).show(self.download, self.wantui.keys)
        self.query_one("#model", Facts).show(self._facts())

    def _facts(self) -> list[Fact]:
        session, model, download = self.wantui.session, self.model, self.download
        if session is None or model is None:
            return []
        about_download = download_facts(download) if download else ()
        variants = variant_facts(model, session.state.models.values())
        return [*about_download, *model_facts(model), *variants]

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
    def action_details(self) -> None:
        """Every file of it."""
        if (model := self.model) is not None:
            self.app.push_screen(Panel(f"weights of {model.id}", self._weights))

    def _weights(self) -> list[Fact]:
        return list(weights_facts(self.model)) if self.model else []

    async def action_use(self) -> None:
        if (model := self.model) is not None:
            await self.wantui.generate_with({"model": model.id}, only_model=True)

    def action_get(self) -> None:
        """Look what a pull would bring and under which license, ask, and pull."""
        model, download = self.model, self.download
        if model is None:
            return
        if model.weights.get_command is None:
            self.tell(f"{model.id} ships with wantui: there is nothing to pull", Tone.WARN)
        elif download is not None and download.state.open:
            doing = words.doing(download)
            keys = next_keys(download, self.wantui.keys)
            self.tell(f"{model.id}: a {doing} is {download.state}: {keys}")
        else:
            self.tell(f"asking the hub what {model.id} would bring")
            self.wantui.request(
                lambda client: client.pull_plan(model.id),
                lambda plan: self._ask_to_pull(model, plan),
            )

    def _ask_to_pull(self, model: ModelStatus, plan: PullPlan) -> None:
        if nothing := nothing_to_pull(plan, self.wantui.keys):
            self.tell(nothing, Tone.GOOD)
            return
        confirm(
            self.app,
            pull_question(plan, model),
            yes="pull it",
            no="not now",
            then=lambda: self._begin(model.id, lambda client: client.pull(model.id)),
        )

    def action_pause(self) -> None:
        """Pause what is pulled or verified, or have it go on."""
        download = self.download
        if download is None or not download.state.open:
            pull = self.key("models.get")
            self.tell(f"no download of it to pause: {pull} pulls it", Tone.WARN)
            return
        id = download.id
        if download.state is DownloadState.PAUSED:
            self._begin(download.subject, lambda client: client.resume_download(id))
        else:
            self._begin(download.subject, lambda client: client.pause_download(id))

    def _begin(self, id: str, ask: Callable[[Client], Awaitable[Download]]) -> None:
        self.wantui.request(ask, lambda now: self.tell(f"{id}: {words.downloading(now)}"))

    def action_verify(self) -> None:
        """Hash what is not proven yet."""
        if (model := self.model) is not None:
            self._begin(model.id, lambda client: client.verify(model.id))

    def action_repair(self) -> None:
        """Replace the bad files, and only those."""
        if (model := self.model) is None:
            return
        if model.weights.bad:
            self._begin(model.id, lambda client: client.repair(model.id))
        else:
            verify = self.key("models.verify")
            self.tell(f"no file of it is known to be bad: {verify} verifies them", Tone.WARN)

    def action_convert(self) -> None:
        """Look what it would take and save, ask, and have the weights rewritten."""
        if (model := self.model) is not None:
            self.wantui.request(lambda client: client.convert_plan(model.id), self._ask_to_convert)

    def _ask_to_convert(self, plan: ConvertPlan) -> None:
        worth = words.conversion_worth(plan)
        if not plan.components:
            self.tell(worth)
            return
        confirm(
            self.app,
            f"Convert {plan.model} to {plan.dtype}? {worth[:1].upper()}{worth[1:]}.",
            yes="convert it",
            no="leave it",
            then=lambda: self._begin(plan.model, lambda client: client.convert(plan.model)),
        )

    def action_load(self) -> None:
        """Have a worker hold it before any job asks, or let it go."""
        if (model := self.model) is None:
            return
        if model.loaded:
            self.wantui.request(
                lambda client: client.unload(model.id),
                lambda _: self._report(f"{model.id} is unloaded"),
            )
        elif refusal := no_load(model, self.wantui.keys):
            self.tell(refusal, Tone.WARN)
        else:
            self.tell(f"loading {model.id}: it is told when that is done")
            self.wantui.request(
                lambda client: client.load(model.id),
                lambda worker: self._report(f"{model.id} is loaded on {worker.device_name}"),
            )

    def _report(self, text: str) -> None:
        """What took a while, wherever one looks by now."""
        self.wantui.area_screen.tell(text, Tone.GOOD)

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
        confirm(
            self.app,
            removal_question(id, plan),
            yes="remove them",
            no="keep them",
            then=lambda: self._remove(id),
        )

    def _remove(self, id: str) -> None:
        self.wantui.request(
            lambda client: client.remove(id, dry_run=False),
            lambda done: self.tell(f"{bytes_text(done.freed_bytes)} freed", Tone.GOOD),
        )

    def action_cancel(self) -> None:
        """Give the download up, and what came of files that are not whole."""
        download = self.download
        if download is None or not download.state.open:
            pull = self.key("models.get")
            self.tell(f"no download of it to give up: {pull} pulls it", Tone.WARN)
            return
        confirm(
            self.app,
            cancel_question(download),
            yes="give it up",
            no="go on",
            then=lambda: self._begin(
                download.subject, lambda client: client.cancel_download(download.id)
            ),
        )

    def action_copy(self) -> None:
        command = self.model.weights.get_command if self.model else None
        if command:
            self.app.copy_to_clipboard(command)
            self.tell(f"copied: {command}", Tone.GOOD)
        else:
            self.tell("this model ships with wantui: nothing to get")


def no_load(model: ModelStatus, keys: Keys) -> str:
    """Why a model is not loaded, and the next key; empty where it can be."""
    weights = model.weights
    if weights.bad:
        return f"weights of {model.id} are corrupt: {keys.named('models.repair')} repairs them"
    if not weights.state.usable:
        get = keys.named("models.get")
        return f"weights of {model.id} are {weights.state}: {get} pulls them"
    verify, load = keys.named("models.verify"), keys.named("models.load")
    unproven = f"nobody has verified {model.id} yet: {verify} does, then {load} loads"
    return "" if weights.checked else unproven


def model_row(model: ModelStatus, download: Download | None = None) -> Row:
    loaded = ("▶ yes", Tone.BUSY) if model.loaded else ("no", Tone.MUTED)
    return Row(
        model.id,
        (
            (model.id, Tone.PLAIN),
            download_cell(download) if download else weights_state(model.weights.state),
            (moving(download) if download else words.have(model.weights), Tone.PLAIN),
            loaded,
            (words.parameters(model.parameter_count) or "–", Tone.PLAIN),
            (report.success(model.metrics) or "–", Tone.PLAIN),
            (model.license, Tone.MUTED),
        ),
    )
