"""Whether the disks with the queue and the jobs take writes."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from wantui.api.hardware import Disk, Hardware
from wantui.errors import DiskFull, DiskReadOnly, WantuiError
from wantui.files import TEMPORARY_SUFFIX, unwritable

ROOM_BYTES = 64 << 20
"""What must be free again before anything is tried once a disk was found full."""
PROBE_BYTES = 1 << 20
_OURS = ("jobs", "state")


def lack_of_room(hardware: Hardware) -> WantuiError | None:
    """What is wrong with a disk of ours, found out by writing to it; None if nothing is. Blocks."""
    for disk in hardware.disks:
        if disk.role in _OURS and (problem := _problem(disk)) is not None:
            return problem
    return None


def _problem(disk: Disk) -> WantuiError | None:
    folder = Path(disk.path)
    try:
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return DiskReadOnly(f"{folder} is on a file system that takes no writes")
        if disk.free_bytes < ROOM_BYTES:
            return DiskFull(f"no space left for {folder}")
        _probe(folder / f".room.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    except OSError as error:  # a quota, most often
        return unwritable(folder, error)
    return None


def _probe(path: Path) -> None:
    try:
        path.write_bytes(bytes(PROBE_BYTES))
    finally:
        path.unlink(missing_ok=True)
