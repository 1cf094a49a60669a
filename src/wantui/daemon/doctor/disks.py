"""The disks: room, speed, and whether they are this machine's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wantui.api.doctor import Finding, error, ok, warn
from wantui.api.hardware import Disk
from wantui.daemon.room import ROOM_BYTES
from wantui.text import bytes_text

LITTLE_BYTES = 2 << 30
"""A few hours of a busy queue, or an embedding cache that fills."""
SLOW_BYTES_PER_S = 300e6
"""At which the weights of an A14B in bf16, 57 GB, take over three minutes to load."""
_FREE = {
    "weights": "wantui prune",
    "jobs": "wantui clean",
    "state": "wantui clean",
}


def check_space(disks: Sequence[Disk]) -> Iterator[Finding]:
    for disk in disks:
        free = f"{bytes_text(disk.free_bytes)} are free for {disk.role}"
        fix = _FREE.get(disk.role, "wantui prune")
        if disk.free_bytes < ROOM_BYTES:
            what = f"{free}: the disk is full, and jobs wait for room"
            yield error("space", what, where=disk.path, fix=fix)
        elif disk.free_bytes < LITTLE_BYTES:
            yield warn("space", free, where=disk.path, fix=fix)
        else:
            yield ok("space", free, disk.path)


def check_speed(disks: Sequence[Disk]) -> Iterator[Finding]:
    """Of the disk that weights are read from; nothing where it was not measured."""
    for disk in disks:
        rate = disk.read_bytes_per_second
        if disk.role != "weights" or rate is None:
            continue
        told = f"weights are read at {bytes_text(rate)}/s"
        if rate < SLOW_BYTES_PER_S:
            fix = "HF_HOME=/a/faster/disk wantui daemon restart"
            yield warn("speed", f"{told}: loads are slow", where=disk.path, fix=fix)
        else:
            yield ok("speed", told, disk.path)


def check_network(folders: Mapping[str, tuple[str, str | None]]) -> Iterator[Finding]:
    """`folders` by what they hold: a path, and the network's file system that it is on."""
    remote = {role: (path, kind) for role, (path, kind) in folders.items() if kind}
    for role, (path, kind) in remote.items():
        if role == "state":
            what = f"the state is on {kind}: locks, sockets and SQLite are not as on a disk"
            fix = "WANTUI_HOME=/a/local/folder wantui daemon start"
        else:
            what = f"{role} is on {kind}: slower than a disk, and gone with the network"
            fix = "HF_HOME=/a/local/folder wantui daemon restart"
        yield warn("network", what, where=path, fix=fix)
    if folders and not remote:
        yield ok("network", "all folders are on disks of this machine")
