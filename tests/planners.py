"""A planner that nothing was learned by yet, with the shipped profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from wantui.api.job import Job
from wantui.daemon.estimate_book import EstimateBook
from wantui.daemon.findings import Findings
from wantui.daemon.machine import Machine
from wantui.daemon.planner import Planner
from wantui.daemon.workers import WorkerBoard
from wantui.database import Database
from wantui.hardware.profiles import Profiles
from wantui.paths import Paths, shipped_config


def planner(
    home: Path,
    machine: Machine | None = None,
    running: Callable[[], Iterable[Job]] = tuple,
) -> Planner:
    """Nothing is read or written below `home` before somebody asks the machine."""
    paths = Paths.from_environment({"WANTUI_HOME": str(home)})
    profiles = Profiles.load(shipped_config() / "profiles")
    findings = Findings(paths.findings, paths.logs, (), paths.hub_cache, {})
    machine = machine or Machine(paths, profiles, findings)
    book = EstimateBook(Database(paths.database))
    board = WorkerBoard(lambda _: None)
    return Planner(machine, profiles, book, board, running=running, may_compile=True)
