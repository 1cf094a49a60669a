"""What a supervisor that listens on a datagram socket is told."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running import environment_for, pid_that_answers, spawn
from wantui.daemon.notify import Notifier

PATIENCE_S = 30.0


@contextmanager
def supervisor(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(address)
        end.settimeout(PATIENCE_S)
        yield end


def heard(end: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in end.recv(4096).decode().splitlines())


@pytest.mark.parametrize("abstract", [False, True])
def test_a_supervisor_hears_that_the_daemon_serves_lives_and_stops(
    tmp_path: Path, abstract: bool
) -> None:
    name = f"wantui-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with supervisor(f"\0{name}" if abstract else name) as end:
        environment = environment_for(tmp_path) | {
            "NOTIFY_SOCKET": f"@{name}" if abstract else name,
            "WATCHDOG_USEC": "400000",
        }
        process = spawn(environment)
        try:
            told = [heard(end), heard(end)]
            ready = next(each for each in told if "READY" in each)
            assert ready["READY"] == "1"
            assert ready["STATUS"].startswith("wantui ")
            assert pid_that_answers(environment, {process.pid}, process) == process.pid
            while heard(end) != {"WATCHDOG": "1"}:
                pass
            process.terminate()
            while heard(end).get("STOPPING") != "1":
                pass
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()


def test_what_is_meant_for_the_daemon_is_not_left_for_its_children() -> None:
    environment = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "10", "WATCHDOG_PID": "1", "HOME": "/h"}
    Notifier.from_environment(environment)
    assert environment == {"HOME": "/h"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "50000", "WATCHDOG_PID": "1"}]
)
async def test_no_watchdog_is_beaten_that_is_not_ours(
    tmp_path: Path, watchdog: dict[str, str]
) -> None:
    address = str(tmp_path / "notify")
    with supervisor(address) as end:
        end.setblocking(False)
        async with asyncio.timeout(5):
            await Notifier.from_environment({"NOTIFY_SOCKET": address, **watchdog}).beat()
        with pytest.raises(BlockingIOError):
            end.recv(100)


def test_a_supervisor_that_went_away_or_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nowhere")).ready("wantui")
    address = str(tmp_path / "notify")
    with supervisor(address):
        for _ in range(2000):
            Notifier(address).stopping()
