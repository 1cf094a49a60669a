"""LoRAs are chosen with the keyboard, of those that a real daemon keeps, and a job has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.loras import diffusers_shapes, lora_file
from tests.running import RunningDaemon, job_when, running_daemon
from tests.tui.screens import lines, sees, session_of, text, until
from tests.tui.test_with_daemon import watching
from wantui.api.job import JobState
from wantui.api.lora import LoraExpert
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.screens.generate import GenerateScreen
from wantui.tui.widgets.lora_picker import LoraPicker

pytestmark = pytest.mark.anyio
BIG = diffusers_shapes(rank=1, blocks=[0], dim=5120, ffn=13_824)
SIZES = [(80, 24), (120, 40)]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path_factory.mktemp("loras")) as daemon:
        yield daemon


async def keep(daemon: RunningDaemon, name: str, shapes: Mapping[str, Sequence[int]]) -> None:
    content = lora_file(shapes)

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    async with daemon.client() as client:
        await client.send_adapter(pieces(), len(content), f"{name}.safetensors")


@pytest.fixture
async def daemon(own: RunningDaemon) -> AsyncIterator[RunningDaemon]:
    """It keeps no LoRA when a test begins."""
    yield own
    async with own.client() as client:
        for adapter in await client.adapters():
            await client.remove_adapter(adapter.id)


def field(app: WantuiApp) -> str:
    return app.screen_stack[0].query_one("#field-loras Input", Input).value


async def opened_picker(app: WantuiApp, pilot: Pilot[int]) -> None:
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(app.screen, LoraPicker), "the picker")
    await pilot.pause()


async def closed(app: WantuiApp, pilot: Pilot[int]) -> None:
    await until(pilot, lambda: isinstance(app.screen, GenerateScreen), "the generate screen")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_job_has_what_was_chosen(daemon: RunningDaemon, size: tuple[int, int]) -> None:
    await keep(daemon, "film", diffusers_shapes())
    await keep(daemon, "zoom", diffusers_shapes(rank=2))
    async with watching(daemon) as (app, pilot):
        await pilot.resize_terminal(*size)
        await sees(pilot, "demo  ● ")
        await sees(pilot, "none; ^o chooses")
        await pilot.press(*"boats", "tab", "tab", "tab", *"32x32", "tab", *"5", "tab", "2")
        await opened_picker(app, pilot)
        await sees(pilot, "LoRAs for demo")
        assert "expert" not in text(app), "the demo has one"
        await pilot.press("j", "space", "minus", "minus")
        await sees(pilot, "0.8")
        await pilot.press("enter")
        await closed(app, pilot)
        assert field(app) == "zoom:0.8"
        assert any("zoom:0.8" in line for line in lines(app))
        await pilot.press("ctrl+s")
        await sees(pilot, "accepted")
        job_id = max(session_of(app).state.jobs)
        async with daemon.client() as client:
            job = await job_when(client, job_id, lambda job: job.state.finished)
        assert job.state is JobState.COMPLETED
        ((used),) = job.params.loras
        assert (used.name, used.strength, used.expert) == ("zoom", 0.8, LoraExpert.BOTH)
        await app.switch_mode(Area.QUEUE)
        await pilot.press("enter")
        await sees(pilot, "zoom, strength 0.8")
        await pilot.press("escape", "5", "r")
        await closed(app, pilot)
        await until(pilot, lambda: field(app) == f"{used.sha256[:12]}:0.8", "the same again")


async def test_each_expert_of_two_can_have_its_own(daemon: RunningDaemon) -> None:
    await keep(daemon, "fast_high_noise", BIG)
    await keep(daemon, "film", diffusers_shapes())
    async with watching(daemon) as (app, pilot):
        await pilot.resize_terminal(80, 24)
        await sees(pilot, "demo  ● ")
        screen = app.screen
        assert isinstance(screen, GenerateScreen)
        screen.choose_model("t2v-a14b")
        await pilot.pause()
        await opened_picker(app, pilot)
        await sees(pilot, "1 that fit other models are not shown")
        row = next(line for line in lines(app) if "fast_high_noise" in line)
        assert "high" in row.split("fast_high_noise")[1]
        await pilot.press("e", "plus", "enter")
        await closed(app, pilot)
        assert field(app) == "fast_high_noise:1.1@low"
        await opened_picker(app, pilot)
        await sees(pilot, "✓")
        await pilot.press("e", "e", "escape")
        await closed(app, pilot)
        assert field(app) == "fast_high_noise:1.1@low", "it was left as it was"
        await opened_picker(app, pilot)
        await pilot.press("space", "enter")
        await closed(app, pilot)
        assert field(app) == ""


async def test_where_none_is_kept_the_command_is_said(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await pilot.resize_terminal(80, 24)
        await sees(pilot, "demo  ● ")
        await opened_picker(app, pilot)
        await sees(pilot, "wantui lora add FILE")
        await pilot.press("space", "e", "plus", "enter")
        await closed(app, pilot)
        assert field(app) == ""


async def test_what_is_not_kept_is_refused_on_its_field(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        box = app.screen.query_one("#field-loras Input", Input)
        for typed, said in (("nobody", "no adapter is called 'nobody'"), ("film:x", "cannot read")):
            box.value = typed
            await pilot.press("ctrl+s")
            await sees(pilot, said)
            assert app.focused is box
        await pilot.press("ctrl+o")
        await sees(pilot, "cannot read")
        assert isinstance(app.screen, GenerateScreen)
