"""Hashing a file so that its digest is of the content that its stat key stands for, and no other.

A key tells contents apart only once the clock of the file system has moved on: what is written
twice within one of its ticks has one stat (git's racy-git.txt). So a file that was written just
now is read when that tick is over, and a write that comes later shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from wantui.errors import WeightsUnreadable
from wantui.pipe.fetch import Proven
from wantui.pipe.file import StatKey
from wantui.store.digest import digest_of

TRIES = 3
"""A file that is written to while it is read is read again so often."""
TICK_S = 0.02
"""Longer than the kernel's slowest, which is a hundredth."""
COARSE_TICK_S = 2.0
"""Of file systems that keep whole seconds (ext4's small inodes), or every other one (vfat)."""


def read_steadily(
    path: Path,
    like: str,
    on_bytes: Callable[[int], None],
    prepare: Callable[[Path], None] = lambda _: None,
) -> Proven:
    """The digest, of the kind that `like` is, with the stat before, while and after it was read.

    `prepare` is called before each try. Raises WeightsUnreadable, OSError, and what `on_bytes`
    raises.
    """
    for _ in range(TRIES):
        _outwait_tick(path)
        prepare(path)
        before = StatKey.of(path.stat())
        digest = digest_of(path, like, on_bytes)
        if StatKey.of(path.stat()) == before:
            return Proven(before, digest)
        on_bytes(-before.size)
    raise WeightsUnreadable(f"{path} is being written to", hint="verify it again later")


def _outwait_tick(path: Path) -> None:
    """Until a write would give the file another time than it has; a future one is no reason."""
    info = path.stat()
    changed_ns = max(info.st_mtime_ns, info.st_ctime_ns)
    tick_s = TICK_S if changed_ns % 1_000_000_000 else COARSE_TICK_S
    left_s = changed_ns / 1e9 + tick_s - time.time()
    if left_s > 0:
        time.sleep(min(left_s, tick_s))
