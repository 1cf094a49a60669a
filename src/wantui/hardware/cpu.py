"""The processor: its name, what of it this process may use, and how busy it is."""

from __future__ import annotations

import math
import os
import platform
import re
from pathlib import Path
from typing import NamedTuple

import psutil

from wantui.api.hardware import Cpu
from wantui.hardware.cgroup import Version, groups, number, read
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

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
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
            cores=usable_cores(self._root),
            physical_cores=self._physical_cores,
            extensions=self._extensions,
            utilization_percent=self._utilization_percent,
        )


def usable_cores(root: Path = Path("/")) -> int:
    """Logical processors that this process may run on, or whose time its container may take.

    Source: cgroup-v2.html (`cpu.max`) and scheduler/sched-bwc.html (v1).
    """
    quotas = [quota for group in groups(root, "cpu") if (quota := _quota(*group)) is not None]
    return max(min([_affinity(), *quotas]), 1)


def _affinity() -> int:
    """All there are where no kernel tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(group: Path, version: Version) -> int | None:
    """Processors' worth of time, rounded up; None for as much as there is."""
    if version is Version.V2:
        quota, _, period = read(group / "cpu.max").strip().partition(" ")
    else:
        quota, period = read(group / "cpu.cfs_quota_us"), read(group / "cpu.cfs_period_us")
    most, of = number(quota), number(period)
    return math.ceil(most / of) if most and of else None


def cpu_extensions(cpuinfo: Path = CPUINFO) -> tuple[str, ...]:
    """Those of `EXTENSIONS` that it has, as the first processor tells."""
    match = _FLAGS.search(read(cpuinfo))
    told = frozenset(match[1].split()) if match else frozenset()
    return tuple(name for name in EXTENSIONS if name in told)


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """As the kernel calls it; ARM kernels do not."""
    match = _MODEL_NAME.search(read(cpuinfo))
    name = match[1] if match else platform.processor() or platform.machine()
    return one_line(name) or "unknown"


def _times() -> _Times:
    """As psutil and htop count: a guest's time is in `user` already, waiting for disks is idle."""
    times = psutil.cpu_times()
    total = sum(times) - times.guest - times.guest_nice
    return _Times(total - times.idle - times.iowait, total)
