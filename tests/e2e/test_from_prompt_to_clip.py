"""As a new user: nothing runs yet, a terminal is opened, a prompt is typed, a clip is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.e2e.screen import PATIENCE_S, Screen, screen_of
from tests.running import call, environment_for, job_when
from wantui.api.job import Job, JobState
from wantui.client import Address, Client
from wantui.paths import Paths

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

WANTUI = (sys.executable, "-m", "wantui")
PROMPT = "a red circle"
ESCAPE, SUBMIT = "\x1b", "\x13"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a home without a daemon; one that was started there is stopped at the end."""
    environment = environment_for(tmp_path)
    yield environment
    subprocess.run([*WANTUI, "daemon", "stop"], env=environment, check=True, capture_output=True)


def daemon_pid(environment: dict[str, str]) -> int:
    return int(call(Paths.from_environment(environment).socket, "GET", "/api/hello").json()["pid"])


async def finished(environment: dict[str, str], job_id: int) -> Job:
    socket = Paths.from_environment(environment).socket
    client = Client(Address(socket, own=True))
    return await job_when(client, job_id, lambda job: job.state.finished)


def type_prompt(screen: Screen) -> None:
    screen.shows("● connected", "demo  ● ")
    screen.type(PROMPT)
    screen.shows(PROMPT)
    screen.type(SUBMIT)


def test_a_signal_gives_the_terminal_back(environment: dict[str, str]) -> None:
    with screen_of(WANTUI, environment) as screen:
        screen.shows("● connected")
        screen.process.terminate()
        screen.shows_raw(b"\x1b[?1049l", b"\x1b[?25h")
        assert screen.ends() == 128 + signal.SIGTERM


def test_a_signal_ends_the_tui_on_a_terminal_that_takes_nothing(
    environment: dict[str, str],
) -> None:
    with screen_of(WANTUI, environment) as screen:
        screen.shows("● connected")
        with screen.stopped():
            screen.process.terminate()
            assert screen.process.wait(PATIENCE_S) == 128 + signal.SIGTERM


def test_a_tui_that_was_stopped_and_continued_gives_the_terminal_back(
    environment: dict[str, str],
) -> None:
    with screen_of(WANTUI, environment) as screen:
        screen.shows("● connected")
        screen.process.send_signal(signal.SIGSTOP)
        screen.process.send_signal(signal.SIGCONT)
        screen.type(ESCAPE)
        screen.shows("1-6 areas")
        screen.type("q")
        assert screen.ends() == 0
        assert screen.echoes()


async def test_the_tui_makes_a_clip_and_shows_it(environment: dict[str, str]) -> None:
    with screen_of(WANTUI, environment) as screen:
        type_prompt(screen)
        screen.shows("✓ 1 completed")
        screen.type(ESCAPE)
        screen.shows("1-6 areas")
        screen.type("2")
        screen.shows("✓ completed", PROMPT)
        screen.type("5")
        screen.shows("128x128, 17 frames at 8 fps", "output.mp4")
        screen.type("q")
        assert screen.ends() == 0
    job = await finished(environment, 1)
    assert job.params.prompt == PROMPT
    assert job.output is not None
    with av.open(job.output.path) as clip:
        (video,) = clip.streams.video
        shown = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video)]
        told = json.loads(clip.metadata["comment"])
        assert (video.codec_context.name, float(video.average_rate or 0)) == ("h264", 8.0)
    assert [frame.shape for frame in shown] == [(128, 128, 3)] * 17
    assert told["params"]["prompt"] == PROMPT


async def test_a_closed_window_ends_neither_the_daemon_nor_the_job(
    environment: dict[str, str],
) -> None:
    with screen_of(WANTUI, environment, columns=100, lines=30) as screen:
        type_prompt(screen)
        screen.shows("▶ 1 running")
        pid = daemon_pid(environment)
        assert os.getsid(pid) != os.getsid(screen.process.pid)
        screen.hang_up()
    assert (await finished(environment, 1)).state is JobState.COMPLETED
    assert daemon_pid(environment) == pid


async def test_a_lost_line_under_generate_costs_nothing(environment: dict[str, str]) -> None:
    command = (*WANTUI, "generate", PROMPT, "--steps", "60")
    with screen_of(command, environment) as screen:
        screen.shows("denoise")
        pid = daemon_pid(environment)
        screen.hang_up()
    assert (await finished(environment, 1)).state is JobState.COMPLETED
    assert daemon_pid(environment) == pid
