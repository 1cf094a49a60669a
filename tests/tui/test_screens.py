"""Each area at the sizes that people have: drawn through the reducer, compared as text."""

from __future__ import annotations

import pytest

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import lines, session_of, show, text, until
from tests.tui.snapshot import SIZES, compare, size_name
from wantui.api.error import ErrorBody
from wantui.api.job import JobState, WaitsFor
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.state import Learned, Lost
from wantui.tui.widgets.table import Table

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", SIZES, ids=size_name)
@pytest.mark.parametrize("area", Area)
async def test_an_area_looks_as_it_did(
    app_alone: Unconnected, area: Area, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, made.busy(), area)
        await compare(pilot, f"{area}-{size_name(size)}")


@pytest.mark.parametrize("area", Area)
async def test_nothing_is_wider_or_higher_than_the_terminal(
    app_alone: Unconnected, area: Area
) -> None:
    async with app_alone((160, 50)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), area)
        assert len(lines(app)) == 50
        assert max(map(len, lines(app))) <= 160


@pytest.mark.parametrize(
    ("area", "words"),
    [(Area.QUEUE, "no jobs yet: press 1"), (Area.GALLERY, "no clips yet: press 1")],
)
async def test_an_empty_list_says_the_next_key(
    app_alone: Unconnected, area: Area, words: str
) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.status(), area)
        assert words in text(app)


async def test_a_terminal_that_is_too_small_says_so(app_alone: Unconnected) -> None:
    async with app_alone((59, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await pilot.pause()
        assert "terminal too small" in text(app)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "terminal too small" not in text(app)


async def test_a_lost_daemon_is_said_and_counted_down(app_alone: Unconnected) -> None:
    async with app_alone((120, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        error = ErrorBody(code="daemon_unreachable", message="the daemon went away", hint="")
        session_of(app).dispatch(Lost(error, retry_at=0.0))
        await until(pilot, lambda: "✗ disconnected, retry in 0 s" in text(app), "lost")
        assert "the daemon went away" in text(app)
        assert "as last seen" in text(app)
        assert app.area_screen.has_class("-stale")


async def test_another_version_is_a_clear_notice(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        message = "the daemon (wantui 0.2.0) speaks API 2, this client 1"
        error = ErrorBody(
            code="version_mismatch", message=message, hint="run: wantui daemon restart"
        )
        session_of(app).dispatch(Lost(error, retry_at=0.0))
        wanted = "✗ versions differ  run: wantui daemon restart  the daemon (wantui 0.2.0)"
        await until(pilot, lambda: wanted in text(app), "a notice with the way out")


async def test_the_help_lists_every_action_of_the_area(app_alone: Unconnected) -> None:
    async with app_alone((120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        await pilot.press("question_mark")
        await pilot.pause()
        assert "Hold the job" in text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "Hold the job" not in text(app)


async def test_the_palette_finds_an_action_of_the_area(app_alone: Unconnected) -> None:
    async with app_alone((120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        await pilot.press("ctrl+p", *"queue cancel")
        await until(pilot, lambda: "Cancel the job" in text(app), "the action in the palette")


async def test_cancelling_a_running_job_asks_first_and_keeps_it_by_default(
    app_alone: Unconnected,
) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        await pilot.press("c")
        await until(pilot, lambda: "Cancel job 9, which is running?" in text(app), "a question")
        assert app.focused is not None
        assert app.focused.id == "no"
        await pilot.press("enter")
        await pilot.pause()
        assert "Cancel job 9" not in text(app)


async def test_the_chosen_job_stays_chosen_when_others_come_before_it(
    app_alone: Unconnected,
) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        await pilot.press("j", "j")
        table = app.screen.query_one(Table)
        assert table.chosen == 11
        session_of(app).dispatch(Learned("b00t", (made.completed(10, rev=9),)))
        await until(pilot, lambda: table.cursor == 1, "the cursor one row up")
        assert table.chosen == 11
        await pilot.press("G")
        assert table.chosen == 6
        await pilot.press("g")
        assert table.chosen == 9


async def test_a_toast_tells_of_a_job_that_ended_elsewhere_only(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.status(made.running(1), made.running(2)), Area.QUEUE)
        session_of(app).dispatch(Learned("b00t", (made.completed(1, rev=2),)))
        await pilot.pause()
        assert not app._notifications
        await app.switch_mode(Area.MODELS)
        session_of(app).dispatch(Learned("b00t", (made.completed(2, rev=2, prompt="[red]x[/"),)))
        await until(pilot, lambda: "job 2 completed: [red]x[/" in text(app), "a toast")


async def test_jobs_that_end_together_are_one_toast(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.status(*(made.running(id) for id in range(1, 13))), Area.MODELS)
        ended = [made.completed(id, rev=2) for id in range(1, 11)]
        failed = [made.failed(id, rev=2) for id in (11, 12)]
        session_of(app).dispatch(Learned("b00t", (*ended, *failed)))
        await until(pilot, lambda: "jobs: 10 completed, 2 failed" in text(app), "one toast")
        assert len(app._notifications) == 1


async def test_the_palette_tells_the_key_of_an_action(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Cancel the job  (c)" in text(app), "the key")


async def test_state_is_readable_without_colour(
    app_alone: Unconnected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.QUEUE)
        for words in ("▶ running", "○ queued", "‖ held", "✓ completed", "✗ failed", "– cancelled"):
            assert words in text(app)


async def test_a_digit_in_the_prompt_is_typed_and_after_escape_it_goes_there(
    app_alone: Unconnected,
) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.GENERATE)
        await pilot.press("2")
        assert app.current_mode == Area.GENERATE
        await pilot.press("escape", "2")
        await pilot.pause()
        assert app.current_mode == Area.QUEUE


async def test_ten_thousand_jobs_are_drawn(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        jobs = [made.job(id, JobState.QUEUED) for id in range(1, 10_001)]
        await show(pilot, made.status(*jobs), Area.QUEUE)
        await pilot.press("G")
        await until(pilot, lambda: "prompt of job 10000" in text(app), "the last row")


async def test_another_model_is_chosen_by_keys_and_says_how_to_get_its_weights(
    app_alone: Unconnected,
) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.busy(), Area.GENERATE)
        await pilot.press("tab", "tab", "enter")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: "weights absent, 126 GB to fetch" in text(app), "the note")
        assert "wantui pull t2v-a14b" in text(app)


async def test_a_reason_is_read_whole_on_a_narrow_terminal(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        reason = "the driver's library was not found in any of the places where " * 3 + "it may be"
        machine = made.hardware().model_copy(update={"gpu_reason": reason})
        await show(pilot, made.status(hardware=machine), Area.HARDWARE)
        assert " ".join(text(app).split()).count(reason) == 1


async def test_jobs_beyond_a_snapshot_are_counted_in_the_list(app_alone: Unconnected) -> None:
    async with app_alone((120, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        sent = [made.job(id) for id in range(1, 501)]
        counts = {JobState.QUEUED: 567, JobState.HELD: 1}
        told = made.status(*sent).model_copy(
            update={"queue": made.queue().model_copy(update={"counts": counts})}
        )
        await show(pilot, told, Area.QUEUE)
        await pilot.press("G")
        await until(pilot, lambda: "68 more" in text(app), "what is left out")
        await pilot.press("c", "h", "r")
        assert "no job to release" in text(app)


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"paused": True}, "‖ queue paused"),
        ({"waits_for": (WaitsFor.DISK,)}, "! the disk is full, or takes no writes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_why_nothing_is_started_is_said_in_the_header(
    app_alone: Unconnected, update: dict[str, object], said: str
) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        queue = made.queue().model_copy(update=update)
        await show(pilot, made.status().model_copy(update={"queue": queue}), Area.MODELS)
        assert said in text(app)
