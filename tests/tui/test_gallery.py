"""Clips of a real daemon: seen, played in the terminal, opened, copied, and removed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.running import RunningDaemon, job_when, tiny
from tests.tui.screens import sees, session_of, text, until
from tests.tui.test_with_daemon import watching
from wantui.api.job import Job, JobState
from wantui.daemon.job_folder import JobFolder
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.widgets.picture import Picture
from wantui.tui.widgets.table import Table

pytestmark = pytest.mark.anyio


async def made(daemon: RunningDaemon, prompt: str) -> Job:
    async with daemon.client() as client:
        accepted = await client.submit(tiny(prompt, size="64x32"))
        return await job_when(client, accepted.id, lambda job: job.state is JobState.COMPLETED)


async def at_clip(app: WantuiApp, pilot: Pilot[int], clip: Job) -> None:
    """In the gallery, with this clip chosen."""
    await until(pilot, lambda: clip.id in session_of(app).state.jobs, "the clip known")
    await app.switch_mode(Area.GALLERY)
    table = app.screen.query_one(Table)
    await until(pilot, lambda: bool(table.chosen), "rows")
    table.choose(clip.id)
    await until(pilot, lambda: table.chosen == clip.id, "the clip chosen")


def has_film(app: WantuiApp) -> bool:
    return app.screen.query_one(Picture).film is not None


async def test_the_chosen_clip_is_seen_with_what_made_it(daemon: RunningDaemon) -> None:
    clip = await made(daemon, "a boat to be seen")
    async with watching(daemon) as (app, pilot):
        await at_clip(app, pilot, clip)
        await until(pilot, lambda: has_film(app), "its thumbnail")
        await sees(pilot, "a boat to be seen")
        assert "▀" in text(app)
        await sees(pilot, str(clip.params.seed))


async def test_a_clip_plays_in_the_terminal_frame_by_frame_too(daemon: RunningDaemon) -> None:
    clip = await made(daemon, "a boat that plays")
    async with watching(daemon) as (app, pilot):
        await at_clip(app, pilot, clip)
        await pilot.press("p")
        await sees(pilot, "▶ playing")
        picture = app.screen.query_one(Picture)
        await until(pilot, lambda: picture.frame == 4, "the last frame")
        await until(pilot, lambda: picture.frame == 0, "the first one again")
        await pilot.press("space")
        await sees(pilot, "‖ paused")
        await pilot.press("home")
        await sees(pilot, "1 of 5")
        await pilot.press("right", "full_stop", "l")
        await sees(pilot, "4 of 5")
        await pilot.press("left", "comma", "h")
        await sees(pilot, "1 of 5")
        await pilot.press("h")
        await sees(pilot, "5 of 5")
        await pilot.press("L", "left_square_bracket")
        await sees(pilot, "once")
        await sees(pilot, "B/s, ")
        await pilot.press("question_mark")
        await sees(pilot, "Colours, or dots")
        await pilot.press("escape", "minus")
        await until(pilot, lambda: picture.size.width == 64, "a smaller picture")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.area_screen, "the gallery again")


async def test_a_clip_without_a_proxy_says_so_and_the_player_is_left(
    daemon: RunningDaemon,
) -> None:
    clip = await made(daemon, "an old boat")
    (daemon.paths.job(clip.id) / "proxy.webp").unlink()
    async with watching(daemon) as (app, pilot):
        await at_clip(app, pilot, clip)
        await pilot.press("enter")
        await sees(pilot, "was made before wantui kept one")
        await pilot.press("q")
        await until(pilot, lambda: app.screen is app.area_screen, "the gallery again")


async def test_a_slow_line_gets_dots_and_fewer_of_them(
    daemon: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = await made(daemon, "a slow boat")
    async with watching(daemon) as (app, pilot):
        monkeypatch.setattr(session_of(app), "low_bandwidth", True, raising=False)
        await at_clip(app, pilot, clip)
        await pilot.press("p")
        await sees(pilot, "4 a second")
        await sees(pilot, "dots")


@pytest.fixture
def player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a player of the desktop was given, line by line."""
    folder, told = tmp_path / "bin", tmp_path / "told"
    folder.mkdir()
    program = folder / "mpv"
    program.write_text(f'#!/bin/sh\necho "$1" >> "{told}"\n', "utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    return told


async def opened(pilot: Pilot[int], player: Path, count: int) -> Path:
    """The file that the player was given last."""
    await until(
        pilot,
        lambda: player.exists() and len(player.read_text().splitlines()) == count,
        f"{count} openings",
    )
    return Path(player.read_text().splitlines()[-1])  # noqa: ASYNC240 - a line of text


async def test_a_clip_on_this_machine_is_opened_where_it_is_and_any_other_is_fetched(
    daemon: RunningDaemon, player: Path
) -> None:
    clip = await made(daemon, "a boat elsewhere")
    assert clip.output is not None
    async with watching(daemon) as (app, pilot):
        await at_clip(app, pilot, clip)
        await pilot.press("o")
        assert await opened(pilot, player, 1) == Path(clip.output.path)

        state = session_of(app).state
        elsewhere = clip.output.model_copy(update={"path": "/not/on/this/machine.mp4"})
        far = clip.model_copy(update={"output": elsewhere, "rev": clip.rev + 1})
        object.__setattr__(state, "jobs", {**state.jobs, clip.id: far})
        await pilot.press("o")
        copy = await opened(pilot, player, 2)
        assert copy.name == f"wantui-{clip.id}.mp4"
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == clip.output.sha256
        assert copy.parent.stat().st_mode & 0o077 == 0
        written = copy.stat().st_mtime_ns
        await pilot.press("o")
        assert await opened(pilot, player, 3) == copy
        assert copy.stat().st_mtime_ns == written  # fetched once


async def test_a_copied_path_says_what_tmux_needs(
    daemon: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = await made(daemon, "a boat to be copied")
    assert clip.output is not None
    async with watching(daemon) as (app, pilot):
        await at_clip(app, pilot, clip)
        monkeypatch.delenv("TMUX", raising=False)
        await pilot.press("y")
        await sees(pilot, "copied: /")
        assert app.clipboard == clip.output.path
        assert "tmux" not in text(app)
        monkeypatch.setenv("TMUX", "/tmp/tmux,1,0")
        await pilot.press("y")
        await sees(pilot, "set -g set-clipboard on")


async def test_a_clip_is_removed_after_a_question_that_names_every_byte(
    daemon: RunningDaemon,
) -> None:
    clip = await made(daemon, "a boat that goes")
    folder = daemon.paths.job(clip.id)
    async with watching(daemon) as (app, pilot):
        await at_clip(app, pilot, clip)
        checkpoint = JobFolder(folder).checkpoint
        await until(pilot, lambda: not checkpoint.exists(), "nothing to go on from")
        taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        await pilot.press("x")
        await sees(pilot, f"Remove job {clip.id} and its video?")
        await sees(pilot, f"({taken:,}")
        assert app.focused is not None
        assert app.focused.id == "no"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.area_screen, "the gallery again")
        assert folder.is_dir()
        await pilot.press("x")
        await sees(pilot, "Remove job")
        await pilot.press("right", "enter")
        await until(pilot, lambda: clip.id not in session_of(app).state.jobs, "gone")
        await sees(pilot, "1 job removed, ")
        assert not folder.exists()
        assert "a boat that goes" not in text(app)


async def test_clips_are_filtered_as_one_types(daemon: RunningDaemon) -> None:
    clip, other = await made(daemon, "a boat in a bottle"), await made(daemon, "a tree")
    async with watching(daemon) as (app, pilot):
        await at_clip(app, pilot, other)
        await pilot.press("slash", *"BOTTLE a")
        await sees(pilot, "1 of ")
        assert "a tree" not in text(app)
        assert app.screen.query_one(Table).chosen == clip.id
        await pilot.press(*" none")
        await sees(pilot, "no clip matches: m loads older ones")
        await pilot.press("enter", "escape")
        await sees(pilot, "a tree")
