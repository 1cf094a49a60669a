"""Weights pulled from the models area, from a hub on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub import Fault, running_hub
from tests.pulling import SHARD, daemon_with, hub_with_ti2v, sound_ti2v, when
from tests.tui.screens import sees, session_of, until
from tests.tui.test_with_daemon import watching
from wantui.api.download import DownloadState
from wantui.api.model import WeightsState
from wantui.tui.areas import Area
from wantui.tui.widgets.table import Table

pytestmark = pytest.mark.anyio


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
            await pilot.press("d")
            await sees(pilot, "pull running, ")
            await pilot.press("d")
            await sees(pilot, "pull paused, ")
            await pilot.press("d")

            def state() -> DownloadState:
                (download,) = session_of(app).state.downloads.values()
                return download.state

            await until(pilot, lambda: state() is DownloadState.COMPLETED, "a completed pull")

            def weights() -> WeightsState:
                return session_of(app).state.models["ti2v-5b"].weights.state

            await until(pilot, lambda: weights() is WeightsState.VERIFIED, "the weights")
            await pilot.press("v")
            await sees(pilot, "verify completed")
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
            await pilot.press("y")
            await until(pilot, lambda: weights() is WeightsState.ABSENT, "no weights")


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
