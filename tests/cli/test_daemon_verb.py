"""`wantui daemon`: on a home of its own, for these tests end it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import made
from tests.cli.command import PATIENCE_S, TINY, WANTUI, document, wantui
from tests.running import environment_for, pid_that_answers
from tests.tui.test_bridge import answering
from wantui.api.base import API_VERSION


@pytest.fixture
def own(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A home without a daemon; none is left there."""
    environment = environment_for(tmp_path / "home")
    yield environment
    wantui(environment, "daemon", "stop")


def test_no_daemon_is_exit_3_for_status_and_nothing_to_do_for_stop(own: dict[str, str]) -> None:
    assert document(own, "daemon", "status", exits=3)["error"]["code"] == "daemon_unreachable"
    assert document(own, "daemon", "stop")["stopped"] is False
    wantui(own, "daemon", "status", exits=3)


def test_a_daemon_is_started_once_and_stopped_for_good(own: dict[str, str]) -> None:
    started = document(own, "daemon", "start")
    assert Path(started["socket"]).is_socket()
    assert document(own, "daemon", "start")["pid"] == started["pid"]
    assert document(own, "daemon", "status")["pid"] == started["pid"]
    again = document(own, "daemon", "restart")
    assert again["pid"] != started["pid"]
    assert document(own, "daemon", "stop")["stopped"] is True
    assert not Path(started["socket"]).exists()
    wantui(own, "daemon", "status", exits=3)


def test_a_waiting_command_outlives_a_restart_of_the_daemon(own: dict[str, str]) -> None:
    wantui(own, "pause")
    with subprocess.Popen(
        [*WANTUI, "generate", "a red circle", *TINY],
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        while "the queue is paused" not in waiting.stderr.readline():
            assert waiting.poll() is None
        wantui(own, "daemon", "restart")
        wantui(own, "resume")
        path, narration = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == 0, narration
    assert Path(path.strip()).read_bytes()[4:8] == b"ftyp"


def test_run_serves_in_the_foreground_until_it_is_told_to_stop(own: dict[str, str]) -> None:
    with subprocess.Popen([*WANTUI, "daemon", "run"], env=own) as serving:
        pid_that_answers(own, {serving.pid}, serving)
        assert document(own, "daemon", "status")["pid"] == serving.pid
        wantui(own, "daemon", "stop")
        assert serving.wait(PATIENCE_S) == 0


@pytest.mark.anyio
async def test_a_daemon_of_another_version_is_exit_5_with_the_way_out(tmp_path: Path) -> None:
    environment = environment_for(tmp_path / "home")
    newer = made.hello(version="9.0.0", api_version=API_VERSION + 1)
    async with answering(tmp_path / "s", {"/api/hello": newer.model_dump_json().encode()}):
        told = await asyncio.to_thread(
            document, environment, "queue", "--host", f"unix://{tmp_path}/s", exits=5
        )
    assert told["error"]["code"] == "version_mismatch"
    assert "wantui 9.0.0" in told["error"]["message"]
    assert "wantui daemon restart" in told["error"]["hint"]
