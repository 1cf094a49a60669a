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

CPUINFO = Path("/proc/cpuinfo")
EXTENSIONS = (
    *("avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimdhp", "sve", "sve2", "bf16", "i8mm"),
)
"""Vector and matrix instructions that decide how fast torch computes, by the kernel's names."""
_FLAGS = re.compile(r"^(?:flags|Features)\s*:\s*(\S.*)$", re.MULTILINE)
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
        self._extensions = cpu_extensions()
        self._physical_cores = psutil.cpu_count(logical=False)
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
            cores=usable_cores(),
            physical_cores=self._physical_cores,
            extensions=self._extensions,
            utilization_percent=self._utilization_percent,
        )


def usable_cores() -> int:
    """Logical processors that this process may run on; all there are where no kernel tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_extensions(cpuinfo: Path = CPUINFO) -> tuple[str, ...]:
    """Those of `EXTENSIONS` that it has, as the first processor tells."""
    match = _FLAGS.search(_text(cpuinfo))
    told = frozenset(match[1].split()) if match else frozenset()
    return tuple(name for name in EXTENSIONS if name in told)


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """As the kernel calls it; ARM kernels do not."""
    match = _MODEL_NAME.search(_text(cpuinfo))
    name = match[1] if match else platform.processor() or platform.machine()
    return one_line(name) or "unknown"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _times() -> _Times:
    """As psutil and htop count: a guest's time is in `user` already, waiting for disks is idle."""
    times = psutil.cpu_times()
    total = sum(times) - times.guest - times.guest_nice
    return _Times(total - times.idle - times.iowait, total)
