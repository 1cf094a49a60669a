"""What only a terminal shows: keys that come at once, and an editor that takes the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running import RunningDaemon, running_daemon
from tests.tui.test_wire import Terminal, terminal_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path) as daemon:
        yield daemon


async def test_esc_and_a_digit_at_once_leave_the_field_for_that_area(
    own_daemon: RunningDaemon,
) -> None:
    with terminal_of(own_daemon) as terminal:
        await terminal.sees("● connected".encode())
        terminal.press(b"boats")
        await terminal.sees(b"boats")
        terminal.press(b"\x1b2")
        await terminal.sees(b"no jobs yet")
        terminal.press(b"\x1b1")
        await terminal.quiet()
        terminal.press("™".encode())
        await terminal.sees("™".encode())
        assert terminal.seen.count("™".encode()) == 1, "who types it has it"


async def test_esc_and_a_digit_at_once_close_a_dialog(own_daemon: RunningDaemon) -> None:
    with terminal_of(own_daemon) as terminal:
        await terminal.sees("● connected".encode())
        terminal.press(b"\x12")
        await terminal.sees(b"earlier prompts")
        before = len(terminal.seen)
        terminal.press(b"\x1b2")
        await terminal.quiet()
        assert b"no jobs yet" not in terminal.seen[before:]
        terminal.press(b"boats")
        await terminal.sees(b"boats")


async def test_keys_that_come_in_a_heap_go_where_they_were_meant(
    own_daemon: RunningDaemon,
) -> None:
    own_daemon.call("POST", "/api/queue/pause")
    with terminal_of(own_daemon) as terminal:
        await terminal.sees("● connected".encode())
        await terminal.sees("✓ fits".encode())
        terminal.press(b"boats\tfog\t\t32x32\r5\r2")
        await terminal.quiet()
        terminal.press(b"\x13")
        await terminal.sees(b"accepted")
    async with own_daemon.client() as client:
        (job,) = (await client.status()).jobs
    params = job.params
    assert (params.prompt, params.negative_prompt) == ("boats", "fog")
    assert (params.width, params.height, params.frames, params.steps) == (32, 32, 5, 2)


@contextmanager
def edited_by(daemon: RunningDaemon, folder: Path, script: str) -> Iterator[Terminal]:
    """A TUI whose user has such an editor."""
    editor = folder / "editor"
    editor.write_text(f'#!/bin/sh\necho "EDITING NOW"\n{script}\n', "utf-8")
    editor.chmod(0o755)
    daemon.environment["EDITOR"] = str(editor)
    daemon.environment.pop("VISUAL", None)
    with terminal_of(daemon) as terminal:
        yield terminal


async def test_an_editor_that_fails_gives_the_terminal_back(
    own_daemon: RunningDaemon, tmp_path: Path
) -> None:
    with edited_by(own_daemon, tmp_path, "exit 3") as terminal:
        await terminal.sees("● connected".encode())
        terminal.press(b"boats\x07")
        await terminal.sees(b"EDITING NOW")
        await terminal.sees(b"ended with 3: the text is as it was")
        terminal.press(b" sail")
        await terminal.sees(b"sail")


async def test_a_prompt_is_edited_with_the_editor_of_the_user(
    own_daemon: RunningDaemon, tmp_path: Path
) -> None:
    with edited_by(own_daemon, tmp_path, "sed -i s/boats/ships/ $1") as terminal:
        await terminal.sees("● connected".encode())
        terminal.press(b"boats")
        await terminal.sees(b"boats")
        terminal.press(b"\x07")
        await terminal.sees(b"EDITING NOW")
        await terminal.sees(b"ships")
        terminal.press(b" sail")
        await terminal.sees(b"sail")
