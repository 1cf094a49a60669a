"""Bytes: how many are there of those that are wanted, and whether the rest has room."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from wantui.errors import DiskFull
from wantui.files import disk_of
from wantui.pipe.fetch import Fetching, FetchReport
from wantui.text import bytes_text


class Tally:
    """Counted by many threads, told after every change."""

    def __init__(self, total: int, tell: Callable[[FetchReport], None]) -> None:
        self.total = total
        self._tell = tell
        self._lock = threading.Lock()
        self._done = 0
        self.fetched = 0
        """Came over the network."""

    def add(self, count: int, *, fetched: int = 0) -> None:
        """`count` more are there, of which `fetched` came just now; fewer, if it is negative."""
        with self._lock:
            self._done += count
            self.fetched += fetched
            told = Fetching(done=self._done, total=self.total, fetched=self.fetched)
        self._tell(told)


def free_bytes(folder: Path) -> int:
    """On the disk that a folder is on, or will be on."""
    told = disk_of(folder)
    return told[1] if told else 0


def need_room(folder: Path, needed: int, margin: int = 0) -> None:
    """Raises DiskFull before a byte is fetched that could not be kept."""
    free = free_bytes(folder)
    if needed + margin > free:
        raise DiskFull(
            f"{bytes_text(needed)} are to come, {bytes_text(free)} are free in {folder}",
            detail={"needed": needed, "free": free},
        )
