"""The processor: its name, what of it this process may use, and how busy it is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import NamedTuple

import psutil

from wantui.api.hardware import Cpu
from wantui.text import one_line

_MODEL_NAME = re.compile(r"^model name\s*:\s*(\S.*)$", re.MULTILINE)


class _Times(NamedTuple):
    """Seconds since boot, summed over all processors."""

    busy: float
    total: float


class CpuMeter:
    """Utilization between one `read` and the next.

    psutil's own `cpu_percent` keeps its last reading for each thread, and would answer 0 to every
    new thread of a pool.
    """

    def __init__(self) -> None:
        self._name = cpu_name()
        self._last = _times()
        self._utilization_percent = 0.0

    def read(self) -> Cpu:
        now, last = _times(), self._last
        if now.total > last.total:
            share = (now.busy - last.busy) / (now.total - last.total)
            self._utilization_percent = min(max(share, 0.0), 1.0) * 100
            self._last = now
        return Cpu(
            name=self._name,
            cores=len(os.sched_getaffinity(0)),
            utilization_percent=self._utilization_percent,
        )


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """As the kernel calls it; ARM kernels do not."""
    try:
        match = _MODEL_NAME.search(cpuinfo.read_text("utf-8", errors="replace"))
    except OSError:
        match = None
    name = match[1] if match else platform.processor() or platform.machine()
    return one_line(name) or "unknown"


def _times() -> _Times:
    """As psutil and htop count: a guest's time is in `user` already, waiting for disks is idle."""
    times = psutil.cpu_times()
    total = sum(times) - times.guest - times.guest_nice
    return _Times(total - times.idle - times.iowait, total)
