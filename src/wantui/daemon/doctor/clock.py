"""The clock: not behind what was written already, and at the pace of the one that never jumps."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from wantui.api.doctor import Finding, error, ok, warn

BEHIND_S = 60.0
"""Another machine's file may be so much newer than now on a disk that both write to."""
APART_S = 1.0
"""How far the two clocks may drift apart while a doctor looks."""
SET_CLOCK = "sudo timedatectl set-ntp true"


class Clock(NamedTuple):
    """Seconds since the epoch, and of the monotonic clock."""

    wall: float
    monotonic: float

    @classmethod
    def now(cls) -> Clock:
        return cls(time.time(), time.monotonic())


def newest(paths: Iterable[Path]) -> tuple[float, str]:
    """When the last of these files was written, in seconds since the epoch, and which."""
    found = [(path.stat().st_mtime, str(path)) for path in paths if path.exists()]
    return max(found, default=(0.0, ""))


def check_clock(before: Clock, after: Clock, written: tuple[float, str]) -> Finding:
    """`before` and `after` are some moments apart."""
    written_at, path = written
    behind = written_at - after.wall
    if behind > BEHIND_S:
        what = f"it is {behind:.0f} s behind a file that was written already: downloads may fail"
        return error("clock", what, where=path, fix=SET_CLOCK)
    apart = (after.wall - before.wall) - (after.monotonic - before.monotonic)
    if abs(apart) > APART_S:
        what = f"it jumped by {apart:+.1f} s while the doctor looked"
        return warn("clock", what, fix=SET_CLOCK)
    return ok("clock", "not behind the newest file, and steady")
