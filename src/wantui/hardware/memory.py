"""The memory that this process may use: the machine's, or less where a container caps it.

File cache that nobody used lately is given back under pressure, so that it counts as available, as
Kubernetes and Docker count it. Source: cgroup-v2.html (`memory.max`) and cgroup-v1/memory.html.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import psutil

from wantui.api.hardware import Memory
from wantui.hardware.cgroup import Version, groups, number, read


class _Files(NamedTuple):
    """What one version of cgroups calls the files that we read."""

    limit: str
    usage: str
    reclaimable: str
    """A key of `memory.stat`."""
    events: str
    """Where `oom_kill` counts processes that the OOM killer ended."""


_FILES = {
    Version.V1: _Files(
        *("memory.limit_in_bytes", "memory.usage_in_bytes"),
        *("total_inactive_file", "memory.oom_control"),
    ),
    Version.V2: _Files("memory.max", "memory.current", "inactive_file", "memory.events"),
}
_SWAP = re.compile(r"^(SwapTotal|SwapFree):\s+(\d+) kB$", re.MULTILINE)


def read_memory(root: Path = Path("/")) -> Memory:
    """`root` is where `proc` and `sys` are mounted."""
    machine = psutil.virtual_memory()
    total, available, limited_by = int(machine.total), int(machine.available), None
    for group, version in groups(root, "memory"):
        limit = number(read(group / _FILES[version].limit))
        if limit is not None and limit < machine.total:
            if limit < total:
                total, limited_by = limit, version.value
            available = min(available, max(limit - _working_set(group, _FILES[version]), 0))
    swap_total, swap_free = _swap(root)
    return Memory(
        total_bytes=total,
        available_bytes=available,
        machine_bytes=int(machine.total),
        limit=limited_by,
        swap_total_bytes=swap_total,
        swap_used_bytes=max(swap_total - swap_free, 0),
    )


def oom_kills(root: Path = Path("/")) -> int:
    """How many processes of our control group the kernel has ended for want of memory, ever.

    Of the whole machine where there is no such group: `oom_kill` of `/proc/vmstat`.
    """
    for group, version in groups(root, "memory"):
        if (count := _entry(group / _FILES[version].events, "oom_kill")) is not None:
            return count
    return _entry(root / "proc/vmstat", "oom_kill") or 0


def _swap(root: Path) -> tuple[int, int]:
    """The machine's, total and free: a container's part of it is not told apart."""
    told = dict(_SWAP.findall(read(root / "proc/meminfo")))
    return int(told.get("SwapTotal", 0)) * 1024, int(told.get("SwapFree", 0)) * 1024


def _working_set(group: Path, files: _Files) -> int:
    usage = number(read(group / files.usage)) or 0
    return max(usage - (_entry(group / "memory.stat", files.reclaimable) or 0), 0)


def _entry(path: Path, wanted: str) -> int | None:
    """The number beside a key in a file of such lines."""
    for line in read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == wanted:
            return number(value)
    return None
