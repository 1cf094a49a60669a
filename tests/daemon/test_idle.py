"""A daemon is left running for weeks: with nothing to do it does nothing."""

from __future__ import annotations

import select
from pathlib import Path

import psutil

from tests.running import running_daemon

SETTLES_S = 2.0
WATCHED_S = 3.0


def test_an_idle_daemon_does_not_wake(tmp_path: Path) -> None:
    with running_daemon(tmp_path) as daemon:
        process = psutil.Process(daemon.pid)
        select.select([], [], [], SETTLES_S)
        before = process.num_ctx_switches().voluntary
        select.select([], [], [], WATCHED_S)
        woke = process.num_ctx_switches().voluntary - before
    assert woke <= WATCHED_S, "a timer ticks"
