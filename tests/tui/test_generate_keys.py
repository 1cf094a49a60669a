"""The generate screen's keys with a real daemon: sweeps, presets, earlier prompts and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Select

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from tests.tui.screens import sees, session_of, text, until
from tests.tui.test_with_daemon import watching
from wantui.client.presets import Presets
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.screens.generate import GenerateScreen
from wantui.tui.widgets.picture import Picture
from wantui.tui.widgets.table import Table
from wantui.tui.widgets.words_area import WordsArea

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """Its queue rests: nothing of this is about pixels."""
    with running_daemon(tmp_path) as daemon:
        daemon.call("POST", "/api/queue/pause")
        yield daemon


def screen_of(app: WantuiApp) -> GenerateScreen:
    assert isinstance(app.screen, GenerateScreen)
    return app.screen


def put(app: WantuiApp, **values: str) -> None:
    for name, value in values.items():
        screen_of(app)._values.field(name).value = value


def value(app: WantuiApp, name: str) -> str:
    return screen_of(app).values[name]


async def says(app: WantuiApp, pilot: Pilot[int], name: str, expected: str) -> None:
    await until(pilot, lambda: value(app, name) == expected, f"{expected!r} in {name}")


async def on_screen(app: WantuiApp, pilot: Pilot[int], widget: Widget) -> None:
    await until(
        pilot,
        lambda: (
            widget in app.screen._compositor.visible_widgets
            and app.screen.region.contains_region(widget.region)
            and widget.region.bottom < app.size.height
        ),
        f"{widget} on the screen",
    )


async def jobs_known(app: WantuiApp, pilot: Pilot[int], count: int) -> None:
    await until(pilot, lambda: len(session_of(app).state.jobs) == count, f"{count} jobs")


async def on_generate(app: WantuiApp, pilot: Pilot[int]) -> None:
    await until(pilot, lambda: isinstance(app.screen, GenerateScreen), "the generate screen")
    await pilot.pause()


async def test_a_sweep_is_one_batch_with_the_seeds_that_follow_on(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        put(app, seed="7", count="3", priority="2", label="night", fps="6")
        await pilot.press("ctrl+s")
        await sees(pilot, "accepted")
        async with own_daemon.client() as client:
            jobs = sorted((await client.status()).jobs, key=lambda job: job.id)
        assert [job.params.seed for job in jobs] == [7, 8, 9]
        assert {job.batch for job in jobs} == {jobs[0].id}
        assert {(job.priority, job.label, job.params.fps) for job in jobs} == {(2, "night", 6)}
        await sees(pilot, f"jobs {jobs[0].id} to {jobs[2].id}: 3 queued")
        put(app, count="3", after=str(jobs[0].id))
        await pilot.press("ctrl+s")
        await jobs_known(app, pilot, 6)
        assert session_of(app).state.jobs[jobs[2].id + 1].after == (jobs[0].id,)


async def test_a_sweep_of_which_one_is_refused_is_refused_on_the_field(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        put(app, count="2", after="999")
        await pilot.press("ctrl+s")
        await sees(pilot, "not sent")
        await sees(pilot, "999")
        assert not session_of(app).state.jobs
        put(app, after="", count="0")
        await pilot.press("ctrl+s")
        await sees(pilot, "✗ 0 jobs at once; allowed: 1 to 1000")
        assert app.focused is screen_of(app)._values.field("count").control


async def test_keys_turn_values_within_what_the_model_allows(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        for name, keys, expected in (
            ("frames", ["up"], "21"),
            ("steps", ["pagedown", "down"], "9"),
            ("sampler", ["down", "down"], "euler"),
            ("quality", ["down"], "lightning"),
            ("seed", ["up", "up"], "1"),
        ):
            screen_of(app)._values.field(name).control.focus()
            await pilot.press(*keys)
            await says(app, pilot, name, expected)
        await sees(pilot, "5 changed (^l resets): frames, steps, quality, seed")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "changed" not in text(app), "nothing changed")
        assert value(app, "frames") == ""


async def test_a_focused_field_says_what_it_allows_and_is_seen_however_small_the_terminal(
    daemon: RunningDaemon,
) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.resize_terminal(60, 15)
        for name in ("label", "frames", "image", "prompt"):
            control = (
                app.screen.query_one("#prompt", WordsArea)
                if name == "prompt"
                else screen_of(app)._values.field(name).control
            )
            control.focus()
            await on_screen(app, pilot, control)
        await pilot.resize_terminal(80, 24)
        screen_of(app)._values.field("frames").control.focus()
        await sees(pilot, "frames: 4n+1, 33 at most")


async def test_prompts_are_found_again_in_another_session(own_daemon: RunningDaemon) -> None:
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        for number, prompt in enumerate(("a red ball", "two blue cubes"), start=1):
            screen_of(app)._words.area.put(prompt)
            await pilot.press("ctrl+s")
            await jobs_known(app, pilot, number)
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"my draft", "up")
        await says(app, pilot, "prompt", "two blue cubes")
        await pilot.press("up")
        await says(app, pilot, "prompt", "a red ball")
        await pilot.press("down", "down")
        await says(app, pilot, "prompt", "my draft")
        await pilot.press("ctrl+r")
        await sees(pilot, "earlier prompts")
        await pilot.press(*"rdball", "enter")
        await on_generate(app, pilot)
        await says(app, pilot, "prompt", "a red ball")
        await pilot.press("ctrl+z")
        await says(app, pilot, "prompt", "my draft")


async def test_up_and_down_move_within_a_prompt_of_several_lines(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"one", "enter", *"two", "up", *"X")
        assert app.screen.query_one("#prompt", WordsArea).text == "oneX\ntwo"


async def test_a_negative_prompt_of_several_lines_is_sent_as_it_is(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats", "tab", *"fog", "enter", *"rain")
        await pilot.press("ctrl+s")
        await sees(pilot, "accepted")
        (job,) = session_of(app).state.jobs.values()
        assert job.params.negative_prompt == "fog\nrain"


async def test_presets_are_saved_filled_in_and_removed(own_daemon: RunningDaemon) -> None:
    presets = Presets(own_daemon.paths.presets)
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        put(app, steps="4", size="64x64")
        await pilot.press("ctrl+t")
        await sees(pilot, "none: ^s saves what is typed as one")
        await pilot.press("ctrl+s")
        await sees(pilot, "Save what is typed as the preset")
        await pilot.press(*"small", "enter")
        await sees(pilot, "saved as preset small")
        assert presets.named("small").fields == {
            "prompt": "boats",
            "model": "demo",
            "size": "64x64",
            "steps": 4,
        }
        await pilot.press("ctrl+l")
        screen_of(app)._words.area.put("other")
        await pilot.press("ctrl+t")
        await sees(pilot, "small")
        await pilot.press(*"sma", "enter")
        await sees(pilot, "preset small is filled in")
        assert (value(app, "prompt"), value(app, "steps")) == ("boats", "4")
        put(app, steps="5")
        await pilot.press("ctrl+t")
        await sees(pilot, "del removes it")
        await pilot.press("ctrl+s")
        await sees(pilot, "Save what is typed as the preset")
        await pilot.press("enter")
        await sees(pilot, "There is a preset small: replace it?")
        await pilot.press("enter")
        await on_generate(app, pilot)
        assert presets.named("small").fields["steps"] == 4, "the harmless answer has the focus"
        await pilot.press("ctrl+t")
        await sees(pilot, "del removes it")
        await pilot.press("delete")
        await sees(pilot, "Remove the preset small?")
        await pilot.press("y")
        await sees(pilot, "removed small")
        await pilot.press("escape")
        await on_generate(app, pilot)
    assert presets.all() == ()


async def test_a_broken_file_of_presets_is_said_and_left_as_it_is(
    own_daemon: RunningDaemon,
) -> None:
    path = own_daemon.paths.presets
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[short\n", "utf-8")
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press("ctrl+t")
        await sees(pilot, "presets.toml: ")
        assert isinstance(app.screen, GenerateScreen)
    assert path.read_text("utf-8") == "[short\n"


async def test_an_earlier_job_is_repeated_or_varied_from_the_queue(
    own_daemon: RunningDaemon,
) -> None:
    async with watching(own_daemon) as (app, pilot):
        async with own_daemon.client() as client:
            await client.submit(tiny("first", seed=42, fps=6, negative_prompt="fog\nrain"))
        await app.switch_mode(Area.QUEUE)
        await sees(pilot, "first")
        await pilot.press("e")
        await on_generate(app, pilot)
        await sees(pilot, "job 1 again: ^s submits")
        await pilot.press("ctrl+s")
        await jobs_known(app, pilot, 2)
        one, two = session_of(app).state.jobs.values()
        assert one.params == two.params
        await app.switch_mode(Area.QUEUE)
        await pilot.press("v")
        await on_generate(app, pilot)
        await sees(pilot, "with another seed")
        assert value(app, "seed") == ""
        await pilot.press("ctrl+s")
        await jobs_known(app, pilot, 3)
        three = session_of(app).state.jobs[3].params
        assert three.seed != 42
        assert three.model_copy(update={"seed": 42}) == one.params


async def test_a_picture_is_chosen_and_the_job_starts_from_it(
    own_daemon: RunningDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf" / "pictures"
    shelf.mkdir(parents=True)
    Image.new("RGB", (64, 64), "red").save(shelf / "red.png")
    Image.new("RGB", (64, 64), "blue").save(shelf / "blue.jpg")
    (shelf / "notes.txt").write_text("x", "utf-8")
    monkeypatch.chdir(tmp_path / "shelf")
    async with watching(own_daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        screen_of(app)._values.field("image").control.focus()
        await pilot.press("down")
        await sees(pilot, "pictures/")
        assert "red.png" not in text(app)
        await pilot.press(*"pictures/")
        await sees(pilot, "red.png")
        await sees(pilot, "1 more that are no pictures")
        assert "notes.txt" not in text(app)
        await pilot.press(*"blu")
        await until(pilot, lambda: "red.png" not in text(app), "only what fits")
        await until(pilot, lambda: app.screen.query_one(Picture).film is not None, "a glance at it")
        await pilot.press("enter")
        await on_generate(app, pilot)
        assert value(app, "image").endswith("/pictures/blue.jpg")
        await pilot.press("ctrl+s")
        await sees(pilot, "accepted")
        (job,) = session_of(app).state.jobs.values()
        assert job.params.image is not None
        assert job.params.image.format == "jpeg"
        await pilot.press("ctrl+n")
        await sees(pilot, "blue.jpg")
        await pilot.press("backspace")
        await sees(pilot, "pictures/")
        await pilot.press("escape")
        await on_generate(app, pilot)
        assert value(app, "image").endswith("/pictures/blue.jpg"), "left as it was"


async def test_without_a_terminal_to_give_away_the_editor_is_refused_in_words(
    daemon: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(daemon) as (_, pilot):
        await sees(pilot, "demo  ● ")
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", "no-such-editor")
        await pilot.press("ctrl+g")
        await sees(pilot, "✗ there is no editor no-such-editor; set VISUAL or EDITOR")


async def test_a_picture_of_an_earlier_job_is_taken_again(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    async with watching(daemon) as (app, pilot):
        async with daemon.client() as client:
            upload = await client.upload(picture.read_bytes())
            job = await client.submit(tiny("from a picture", image=upload.id))
            done = await job_when(client, job.id, lambda job: job.state.finished)
        await app.switch_mode(Area.GALLERY)
        await sees(pilot, "from a picture")
        table = app.screen.query_one(Table)
        await until(pilot, lambda: table.chosen == job.id, "the clip chosen")
        await pilot.press("r")
        await on_generate(app, pilot)
        await sees(pilot, f"job {job.id} again")
        await pilot.press("ctrl+s")
        await sees(pilot, "accepted")
        again = session_of(app).state.jobs[max(session_of(app).state.jobs)]
        assert again.params == done.params
        async with daemon.client() as client:
            await job_when(client, again.id, lambda job: job.state.finished)


async def test_a_model_that_is_chosen_keeps_what_is_typed_and_says_what_it_does_not_take(
    daemon: RunningDaemon, tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        put(app, frames="21", image=str(picture))
        app.screen.query_one(Select).value = "t2v-a14b"
        await sees(pilot, "weights absent")
        await sees(pilot, "4,3")
        await sees(pilot, "✗ t2v-a14b takes none")
        assert (value(app, "frames"), value(app, "image")) == ("21", str(picture))
        app.screen.query_one(Select).value = "demo"
        await until(pilot, lambda: "takes none" not in text(app), "no refusal")
        put(app, image=str(tmp_path / "none.png"))
        await sees(pilot, "✗ there is no file")


async def test_a_job_that_was_sent_is_seen_as_it_comes_along_where_there_is_room(
    daemon: RunningDaemon,
) -> None:
    async with watching(daemon) as (app, pilot):
        await pilot.resize_terminal(160, 50)
        await sees(pilot, "demo  ● ")
        await pilot.press(*"boats")
        put(app, steps="100", frames="33")
        await pilot.press("ctrl+s")
        await sees(pilot, "accepted")
        job_id = max(session_of(app).state.jobs)
        await sees(pilot, f"job {job_id} as it comes along")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "as it comes along" not in text(app), "no room for it")
        async with daemon.client() as client:
            await client.cancel(job_id)
            await job_when(client, job_id, lambda job: job.state.finished)


async def test_esc_in_the_list_of_models_closes_the_list_alone(daemon: RunningDaemon) -> None:
    async with watching(daemon) as (app, pilot):
        await sees(pilot, "demo  ● ")
        select = app.screen.query_one(Select)
        select.focus()
        await pilot.press("enter")
        await until(pilot, lambda: select.expanded, "the list")
        await pilot.press("escape")
        await until(pilot, lambda: not select.expanded, "no list")
        assert app.focused is select
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is None, "the field left")
