"""How much lies in a folder, counted as a disk counts it."""

from __future__ import annotations

import os
from pathlib import Path

BLOCK_BYTES = 512
"""Of `st_blocks`: stat(2)."""
MOST_ENTRIES = 200_000
"""A cache with more of them is not counted: it would take minutes on a network's disk."""


def folder_bytes(folder: Path) -> int | None:
    """What the files below take on the disk, each once; None if they are too many or unreadable.

    Links are not followed: the hub's cache has its bytes once, and many names for them.
    """
    seen: set[tuple[int, int]] = set()
    total, left = 0, MOST_ENTRIES
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    left -= 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                        continue
                    info = entry.stat(follow_symlinks=False)
                    if (key := (info.st_dev, info.st_ino)) not in seen:
                        seen.add(key)
                        total += info.st_blocks * BLOCK_BYTES
        except FileNotFoundError:
            continue
        except OSError:
            return None
        if left < 0:
            return None
    return total
