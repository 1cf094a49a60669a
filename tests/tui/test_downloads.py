"""Weights pulled from the models area, from a hub on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.hub import Fault, running_hub
from tests.pulling import RECIPE, SHARD, daemon_with, hub_with_ti2v, sound_ti2v, when
from tests.running import RunningDaemon
from tests.tui.screens import sees, session_of, text, until
from tests.tui.test_with_daemon import watching
from wantui.api.download import DownloadState
from wantui.api.model import WeightsState
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.widgets.table import Table

pytestmark = pytest.mark.anyio

STEM = "diffusion_pytorch_model"


async def test_weights_are_pulled_paused_and_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_with_ti2v() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        hub.faults = [Fault(SHARD, bytes_a_second=300_000)]
        async with watching(daemon) as (app, pilot):
            await pilot.press("escape", "3")
            await until(pilot, lambda: app.current_mode == Area.MODELS, "the models area")
            table = app.screen.query_one(Table)
            for _ in session_of(app).state.models:
                if table.chosen != "ti2v-5b":
                    await pilot.press("down")
            assert table.chosen == "ti2v-5b"
            await pilot.press("p")
            await sees(pilot, "no download of it to pause: d pulls it")
            await pilot.press("l")
            await sees(pilot, "weights of ti2v-5b are absent: d pulls them")
            await pilot.press("d")
            await sees(pilot, "Pull ti2v-5b: ")
            await sees(pilot, "license: apache-2.0")
            assert app.focused is not None
            assert app.focused.id == "no"
            await pilot.press("y")
            await sees(pilot, "p pauses, c gives it up")
            await sees(pilot, "B/s")
            await pilot.press("d")
            await sees(pilot, "ti2v-5b: a pull is running: p pauses")
            await pilot.press("p")
            await sees(pilot, "p goes on, c gives it up")
            await sees(pilot, "‖ pull paused")
            await pilot.press("c")
            await sees(pilot, "Give up the pull of ti2v-5b?")
            await pilot.press("n", "p")

            def state() -> DownloadState:
                (download,) = session_of(app).state.downloads.values()
                return download.state

            await until(pilot, lambda: state() is DownloadState.COMPLETED, "a completed pull")

            def weights() -> WeightsState:
                return session_of(app).state.models["ti2v-5b"].weights.state

            await until(pilot, lambda: weights() is WeightsState.VERIFIED, "the weights")
            await pilot.press("d")
            await sees(pilot, "are here; v verifies them")
            await pilot.press("v")
            await sees(pilot, "verify completed")
            await pilot.press("enter")
            await sees(pilot, f"● verified    2.0 MB {STEM}-{SHARD}")
            await pilot.press("escape")
            await pilot.press("r")
            await sees(pilot, "no file of it is known to be bad")
            await pilot.press("K")
            await sees(pilot, "ti2v-5b is kept")
            await pilot.press("x")
            await sees(pilot, "is to be kept")
            await pilot.press("K")
            await sees(pilot, "kept no longer")
            await pilot.press("x")
            await sees(pilot, "Remove the weights of ti2v-5b?")
            await sees(pilot, f" bytes, from {RECIPE.repository}")
            await pilot.press("y")
            await sees(pilot, " freed")
            await until(pilot, lambda: weights() is WeightsState.ABSENT, "no weights")
            await pilot.press("x")
            await sees(pilot, "there are no weights of ti2v-5b")


async def choose(app: WantuiApp, pilot: Pilot[int], model: str) -> None:
    await pilot.press("escape", "3")
    await until(pilot, lambda: app.current_mode == Area.MODELS, "the models area")
    table = app.screen.query_one(Table)
    await until(pilot, lambda: table.chosen is not None, "models")
    await pilot.press("g")
    for _ in session_of(app).state.models:
        if table.chosen != model:
            await pilot.press("down")
    assert table.chosen == model


async def test_gated_weights_say_before_a_pull_where_their_terms_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_with_ti2v() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        hub.repositories[RECIPE.repository or ""].gated = True
        async with watching(daemon) as (app, pilot):
            await choose(app, pilot, "ti2v-5b")
            await pilot.press("d")
            await sees(pilot, "gated: accept its terms at")
            await sees(pilot, "hf auth login")
            await pilot.press("enter")
            await until(pilot, lambda: "not now" not in text(app), "the dialog gone")
            assert not session_of(app).state.downloads


async def test_a_model_is_loaded_and_let_go_by_hand(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):

        def loaded() -> bool:
            return session_of(app).state.models["demo"].loaded

        def checked() -> bool:
            return session_of(app).state.models["demo"].weights.checked

        await choose(app, pilot, "demo")
        if not checked():
            await pilot.press("l")
            await sees(pilot, "nobody has verified demo yet: v does, then l loads")
            await pilot.press("v")
            await until(pilot, checked, "verified weights")
        if loaded():
            await pilot.press("l")
            await until(pilot, lambda: not loaded(), "let go")
        await pilot.press("l")
        await sees(pilot, "demo is loaded on ")
        await until(pilot, loaded, "a loaded model")
        await pilot.press("l")
        await sees(pilot, "demo is unloaded")
        await until(pilot, lambda: not loaded(), "let go")
        await pilot.press("d")
        await sees(pilot, "demo ships with wantui: there is nothing to pull")
        await pilot.press("u")
        await until(pilot, lambda: app.current_mode == Area.GENERATE, "the generate area")


async def test_weights_are_converted_once_you_have_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_hub() as hub, daemon_with(hub, tmp_path, monkeypatch) as daemon:
        hub.add(sound_ti2v(1000))
        async with daemon.client() as client, watching(daemon) as (app, pilot):
            pull = await client.pull("ti2v-5b")
            await when(client, pull.id, lambda download: not download.state.open)
            await pilot.press("escape", "3")
            await until(pilot, lambda: app.current_mode == Area.MODELS, "the models area")
            table = app.screen.query_one(Table)
            for _ in session_of(app).state.models:
                if table.chosen != "ti2v-5b":
                    await pilot.press("down")
            await pilot.press("t")
            await sees(pilot, "Convert ti2v-5b to bfloat16?")
            await pilot.press("y")
            await sees(pilot, "transformer in bfloat16, verified")
            await pilot.press("t")
            await sees(pilot, "there is nothing to convert")
