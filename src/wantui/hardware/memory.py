"""The memory that this process may use: the machine's, or less where a container caps it.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (`memory.max`, which holds for all below)
and cgroup-v1/memory.html. File cache that nobody used lately is given back under pressure, so that
it counts as available, as Kubernetes and Docker count it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psutil

from wantui.api.hardware import Memory


class _Files(NamedTuple):
    """What one version of cgroups calls the files that we read."""

    name: str
    limit: str
    usage: str
    reclaimable: str
    """A key of `memory.stat`."""


_V1 = _Files("cgroup v1", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Files("cgroup v2", "memory.max", "memory.current", "inactive_file")


_SWAP = re.compile(r"^(SwapTotal|SwapFree):\s+(\d+) kB$", re.MULTILINE)


def read_memory(root: Path = Path("/")) -> Memory:
    """`root` is where `proc` and `sys` are mounted."""
    machine = psutil.virtual_memory()
    total, available, limited_by = int(machine.total), int(machine.available), None
    for group, files in _groups(root):
        limit = _number(group / files.limit)
        if limit is not None and limit < machine.total:
            if limit < total:
                total, limited_by = limit, files.name
            available = min(available, max(limit - _working_set(group, files), 0))
    swap_total, swap_free = _swap(root)
    return Memory(
        total_bytes=total,
        available_bytes=available,
        machine_bytes=int(machine.total),
        limit=limited_by,
        swap_total_bytes=swap_total,
        swap_used_bytes=max(swap_total - swap_free, 0),
    )


def _swap(root: Path) -> tuple[int, int]:
    """The machine's, total and free: a container's part of it is not told apart."""
    told = dict(_SWAP.findall(_text(root / "proc/meminfo")))
    return int(told.get("SwapTotal", 0)) * 1024, int(told.get("SwapFree", 0)) * 1024


def _groups(root: Path) -> Iterator[tuple[Path, _Files]]:
    """The folders of this process's control groups and of all above them.

    The path in `/proc/self/cgroup` may be the host's; what the container sees starts at the mount.
    """
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            bases = [(mount / "memory", _V1)]
        elif hierarchy == "0" and not controllers:
            bases = [(mount, _V2), (mount / "unified", _V2)]
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for base, files in bases:
            for relative in (inside, *inside.parents):
                if ".." not in relative.parts:
                    yield base / relative, files


def _working_set(group: Path, files: _Files) -> int:
    usage = _number(group / files.usage) or 0
    for line in _text(group / "memory.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == files.reclaimable and value.strip().isdecimal():
            return max(usage - int(value), 0)
    return usage


def _number(path: Path) -> int | None:
    """None for `max`, and where there is no such file."""
    text = _text(path).strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
