"""In a real tmux, as many people have it: from a prompt to a clip, suspended, resized, killed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.tmux import TMUX, Window, window_of
from tests.running import call, environment_for
from wantui.paths import Paths

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(TMUX is None, reason="tmux is not installed, and .ci/run could not"),
]

WANTUI = (sys.executable, "-m", "wantui")
LONG = ("--steps", "100", "--size", "256x256", "--frames", "33")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a home without a daemon; one that was started there is stopped at the end."""
    environment = environment_for(tmp_path)
    yield environment
    subprocess.run([*WANTUI, "daemon", "stop"], env=environment, check=True, capture_output=True)


@pytest.fixture
def window(tmp_path: Path, environment: dict[str, str]) -> Iterator[Window]:
    """wantui has been typed at a shell's prompt, and is there."""
    with window_of(tmp_path, environment) as window:
        window.shows("shell>")
        window.type(f"{shlex.join(WANTUI)}; echo left with $?")
        window.press("Enter")
        window.shows("● connected", "demo  ● ")
        yield window


def test_a_prompt_becomes_a_clip(window: Window) -> None:
    window.type("a red circle")
    window.press("C-s")
    window.shows("✓ 1 completed")
    window.press("Escape")
    window.shows("1-6 areas")
    window.press("2")
    window.shows("✓ completed", "a red circle")
    window.resize(120, 40)
    window.shows("timings")
    window.resize(50, 12)
    window.shows("terminal too small", "60 x 15")
    window.resize(80, 24)
    window.shows("✓ completed", "cancel")
    window.press("5")
    window.shows("128x128", "output.mp4")
    window.press("q")
    window.shows("left with 0")


def test_suspended_it_gives_the_shell_back_and_comes_back_as_it_was(window: Window) -> None:
    window.press("Escape")
    window.shows("1-6 areas")
    window.press("2")
    window.shows("no jobs yet")
    window.press("C-z")
    window.shows("shell>")
    window.type("echo still $((40 + 2))")
    window.press("Enter")
    window.shows("still 42")
    window.type("fg")
    window.press("Enter")
    window.shows("no jobs yet", "● connected")
    window.press("3")
    window.shows("demo", "verified")
    window.press("q")
    window.shows("shell>")
    window.type("echo echoed")
    window.shows("echo echoed")


def test_a_daemon_that_is_killed_under_it_is_started_again_and_the_job_ends(
    window: Window, environment: dict[str, str]
) -> None:
    socket = Paths.from_environment(environment).socket
    subprocess.run(
        [*WANTUI, "generate", "a blue bar", *LONG, "--detach"],
        env=environment,
        check=True,
        capture_output=True,
    )
    window.press("Escape")
    window.shows("1-6 areas")
    window.press("2")
    window.shows("▶ running 1", "denoise")
    first = int(call(socket, "GET", "/api/hello").json()["pid"])
    os.kill(first, signal.SIGKILL)
    window.shows("✗ disconnected", "S starts it", "as last seen", "a blue bar")
    window.press("S")
    window.shows("● connected", "a blue bar", "denoise")
    assert int(call(socket, "GET", "/api/hello").json()["pid"]) != first
    window.shows("✓ completed")
    job = call(socket, "GET", "/api/jobs/1").json()
    assert job["state"] == "completed"
    assert [attempt["interrupted"] for attempt in job["attempts"]] == [True, False]
