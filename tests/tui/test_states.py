"""Every area when there is nothing, when something is wrong, and when the daemon is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import session_of, show, text, until
from tests.tui.snapshot import SIZES, compare, size_name
from wantui.api.download import DownloadState
from wantui.api.error import ErrorBody
from wantui.api.model import WeightsState
from wantui.api.status import Status
from wantui.errors import WantuiError
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.offer import Refusal
from wantui.tui.screens.generate import GenerateScreen
from wantui.tui.state import Lost

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("size", SIZES, ids=size_name),
    pytest.mark.parametrize("area", Area),
]

LOST = ErrorBody(
    code="daemon_unreachable",
    message="no daemon listens at /home/ada/.local/state/wantui/run/wantui.sock",
    hint="run: wantui daemon start",
)


def app_of(pilot: Pilot[int]) -> WantuiApp:
    assert isinstance(pilot.app, WantuiApp)
    return pilot.app


async def test_with_nothing_there(
    app_alone: Unconnected, area: Area, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, made.status(models=()), area)
        await compare(pilot, f"empty-{area}-{size_name(size)}")


async def test_with_the_daemon_gone(
    app_alone: Unconnected, area: Area, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        app = app_of(pilot)
        await show(pilot, made.busy(), area)
        session_of(app).dispatch(Lost(LOST, retry_at=0.0))
        await until(pilot, lambda: "✗ disconnected, retry in 0 s" in text(app), "lost")
        await compare(pilot, f"disconnected-{area}-{size_name(size)}")


async def test_with_something_wrong(
    app_alone: Unconnected, area: Area, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, ailing(), area)
        if (happens := WRONG.get(area)) is not None:
            await happens(app_of(pilot))
        await compare(pilot, f"error-{area}-{size_name(size)}")


def ailing() -> Status:
    """A job that failed, weights that are bad, a pull that gave up, and a GPU without a driver."""
    error = ErrorBody(
        code="hub_unreachable",
        message="huggingface.co does not answer",
        hint="see that the line is up, then pull again",
    )
    pull = made.download(state=DownloadState.FAILED, error=error, finished_at=made.NOW + 60)
    machine = made.hardware().model_copy(
        update={"gpu_reason": "the driver and its library are of different versions"}
    )
    return made.status(
        made.failed(7, message="the worker was killed: the machine had no memory left"),
        models=(
            made.model("t2v-a14b", WeightsState.PARTIAL),
            made.model("ti2v-5b", WeightsState.CORRUPT),
            made.model(),
        ),
        downloads=(pull,),
        hardware=machine,
    )


async def refused_value(app: WantuiApp) -> None:
    screen = app.area_screen
    assert isinstance(screen, GenerateScreen)
    screen.refuse(Refusal("frames", "6 frames cannot be made: 4n+1, and 33 at most; nearest: 5"))


async def refused_request(app: WantuiApp) -> None:
    async def asked() -> None:
        raise WantuiError("job 7 has no such thing", hint="see: wantui job 7")

    app.work(asked())
    await app.workers.wait_for_complete()


WRONG: dict[Area, Callable[[WantuiApp], Awaitable[None]]] = {
    Area.GENERATE: refused_value,
    Area.GALLERY: refused_request,
    Area.LOGS: refused_request,
}
"""What goes wrong where the state alone does not show it."""
