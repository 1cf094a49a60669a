"""A file on its way: `<digest>.part` with the bytes, `<digest>.json` saying which of them count.

The journal is written after the bytes it speaks of are on disk, so that whatever it says is true
after a kill at any moment, and after a power cut.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from wantui.files import PRIVATE_FILE, SHARED_FILE, atomic_path, full_disk_named, write_atomic

JOURNAL_BYTES = 64 << 20
JOURNAL_S = 1.0
"""At most so much of a file, or what came in so long, is fetched again after a kill."""
SEGMENT_BYTES = 32 << 20
"""A smaller file is not split."""


class Segment(BaseModel):
    """Bytes `start` to `end` of a file, of which those before `at` are there."""

    model_config = ConfigDict(extra="forbid")

    start: int
    end: int
    at: int

    @property
    def done(self) -> bool:
        return self.at >= self.end


class _Journal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    digest: str
    size: int
    segments: list[Segment]

    def sound(self, digest: str, size: int) -> bool:
        """Whether it speaks of this file, and its segments cover it once."""
        at = 0
        for segment in self.segments:
            if segment.start != at or not segment.start <= segment.at <= segment.end:
                return False
            at = segment.end
        return (self.digest, self.size, at) == (digest, size, size)


class Part:
    """Written by several threads, each with a segment of its own."""

    def __init__(self, folder: Path, digest: str, size: int, segments: int) -> None:
        self.path = folder / f"{digest}.part"
        self.size = size
        self._journal_path = folder / f"{digest}.json"
        self._digest = digest
        self._lock = threading.Lock()
        self._unsaved, self._saved_at = 0, time.monotonic()
        journal = self._kept()
        if journal is None:
            self._journal_path.unlink(missing_ok=True)
            journal = _Journal(digest=digest, size=size, segments=_split(size, segments))
        self._journal = journal
        self.placed = False
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)

    @property
    def segments(self) -> list[Segment]:
        return self._journal.segments

    @property
    def present(self) -> int:
        """Bytes that need not come again."""
        return sum(segment.at - segment.start for segment in self.segments)

    @property
    def complete(self) -> bool:
        return all(segment.done for segment in self.segments)

    def write(self, segment: Segment, content: bytes) -> None:
        """Put the next bytes of a segment where they belong. Raises DiskFull."""
        with full_disk_named(self.path):
            view = memoryview(content)
            while view:
                written = os.pwrite(self._file, view, segment.at)
                segment.at += written
                view = view[written:]
        with self._lock:
            self._unsaved += len(content)
            late = time.monotonic() - self._saved_at >= JOURNAL_S
            due = late or self._unsaved >= JOURNAL_BYTES
        if due:
            self.save()

    def save(self) -> None:
        """Have the journal say what is on disk. Raises DiskFull."""
        with self._lock, full_disk_named(self.path):
            seen = self._journal.model_copy(deep=True)  # before the sync: later bytes do not count
            os.fdatasync(self._file)
            write_atomic(self._journal_path, seen.model_dump_json().encode())
            self._unsaved, self._saved_at = 0, time.monotonic()

    def forget(self) -> None:
        """Start over: what came is not what was asked for."""
        with self._lock:
            self._journal_path.unlink(missing_ok=True)
            for segment in self.segments:
                segment.at = segment.start
            os.ftruncate(self._file, 0)
            self._unsaved = 0

    def place(self, target: Path) -> None:
        """Make the whole, verified file durable under its final name."""
        self.close()
        with atomic_path(target, SHARED_FILE) as temporary:
            self.path.rename(temporary)
        self._journal_path.unlink(missing_ok=True)
        self.placed = True

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _kept(self) -> _Journal | None:
        return _believed(self._journal_path, self.path, self._digest, self.size)


def begun_bytes(folder: Path, digest: str, size: int) -> int:
    """Bytes of a file that came in an earlier try and count."""
    journal = _believed(folder / f"{digest}.json", folder / f"{digest}.part", digest, size)
    return sum(segment.at - segment.start for segment in journal.segments) if journal else 0


def _believed(journal_path: Path, part: Path, digest: str, size: int) -> _Journal | None:
    """The journal of an earlier try, if it can be believed."""
    try:
        journal = _Journal.model_validate_json(journal_path.read_bytes())
        there = part.stat().st_size
    except (OSError, ValidationError):
        return None
    most = max((s.at for s in journal.segments if s.at > s.start), default=0)
    return journal if journal.sound(digest, size) and there >= most else None


def _split(size: int, segments: int) -> list[Segment]:
    count = min(segments, max(size // SEGMENT_BYTES, 1))
    edges = [size * n // count for n in range(count + 1)]
    return [Segment(start=start, end=end, at=start) for start, end in itertools.pairwise(edges)]
