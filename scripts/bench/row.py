"""What every benchmark shares: a daemon of its own, and the one line that it prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Set on machines for development; without bytecode every process would compile all of ours.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.running import RunningDaemon, call, running_daemon, tiny

__all__ = ["RunningDaemon", "call", "median", "row", "running_daemon", "tiny"]


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def row(name: str, ours: str, reference: str, ratio: str, budget: str) -> None:
    """`name | ours | reference | ratio | budget`."""
    print(f"{name} | {ours} | {reference} | {ratio} | {budget}", flush=True)
