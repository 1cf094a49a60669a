"""A file on its way: `<digest>.part` with the bytes, `<digest>.json` saying which of them count.

The journal says what is written, which a kill at any moment leaves true, and what of it has been
synced, which is what counts after a power cut: then another kernel runs.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from wantui.errors import DiskFull
from wantui.files import (
    PRIVATE_FILE,
    SHARED_FILE,
    boot_id,
    full_disk_named,
    sync_file,
    write_atomic,
)

JOURNAL_BYTES = 16 << 20
JOURNAL_S = 0.25
"""At most so much of a file, or what came in so long, is fetched again after a kill."""
SYNC_S = 30.0
"""What came in so long is fetched again after a power cut; Linux writes by itself what is older."""
SEGMENT_BYTES = 32 << 20
"""A smaller file is not split."""


class Segment(BaseModel):
    """Bytes `start` to `end` of a file: before `at` written, before `synced` on the disk."""

    model_config = ConfigDict(extra="forbid")

    start: int
    end: int
    at: int
    synced: int

    @property
    def done(self) -> bool:
        return self.at >= self.end


class _Journal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    digest: str
    size: int
    boot: str
    """The kernel's that has what is written; another one has what is synced."""
    segments: list[Segment]

    def sound(self, digest: str, size: int) -> bool:
        """Whether it speaks of this file, and its segments cover it once."""
        at = 0
        for segment in self.segments:
            inside = segment.start <= segment.synced <= segment.at <= segment.end
            if segment.start != at or not inside:
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
        self._begun = 0
        journal = self._kept()
        if journal is None:
            self._journal_path.unlink(missing_ok=True)
            split = _split(size, segments)
            journal = _Journal(digest=digest, size=size, boot=boot_id(), segments=split)
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
        """Have the journal say what is written. Raises DiskFull."""
        with self._lock:
            if not self.placed:
                self._save(durable=False)

    def sync(self) -> None:
        """Put what is written on the disk, while more is written. Raises OSError or DiskFull."""
        with self._lock:
            reached, begun = [segment.at for segment in self.segments], self._begun
        sync_file(self.path)
        with self._lock:
            if self._begun == begun and not self.placed:
                for segment, at in zip(self.segments, reached, strict=True):
                    segment.synced = at
                self._save(durable=True)

    def _save(self, *, durable: bool) -> None:
        content = self._journal.model_dump_json().encode()
        write_atomic(self._journal_path, content, durable=durable)
        self._unsaved, self._saved_at = 0, time.monotonic()

    def forget(self) -> None:
        """Start over: what came is not what was asked for."""
        with self._lock:
            self._journal_path.unlink(missing_ok=True)
            for segment in self.segments:
                segment.at = segment.synced = segment.start
            self._begun += 1
            os.ftruncate(self._file, 0)
            self._unsaved = 0

    def place(self, target: Path) -> None:
        """Give the whole, verified file its final name; it may not be on the disk yet."""
        self.close()
        with self._lock:
            self.placed = True
            self.path.chmod(SHARED_FILE)
            self.path.replace(target)
            self._journal_path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _kept(self) -> _Journal | None:
        return _believed(self._journal_path, self.path, self._digest, self.size)


@contextlib.contextmanager
def syncing(parts: Callable[[], Iterable[Part]]) -> Iterator[None]:
    """Bring to the disk, beside the work and now and then, what a power cut shall not cost."""
    over = threading.Event()

    def sync() -> None:
        while not over.wait(SYNC_S):
            for part in parts():
                # Who writes next is told of a full disk; what is placed meanwhile is gone.
                with contextlib.suppress(OSError, DiskFull):
                    if part.present and not part.placed:
                        part.sync()

    threading.Thread(target=sync, name="sync", daemon=True).start()
    try:
        yield
    finally:
        over.set()


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
    if journal.boot != boot_id():
        journal.boot = boot_id()
        for segment in journal.segments:
            segment.at = segment.synced
    most = max((s.at for s in journal.segments if s.at > s.start), default=0)
    return journal if journal.sound(digest, size) and there >= most else None


def _split(size: int, segments: int) -> list[Segment]:
    count = min(segments, max(size // SEGMENT_BYTES, 1))
    edges = [size * n // count for n in range(count + 1)]
    return [
        Segment(start=start, end=end, at=start, synced=start)
        for start, end in itertools.pairwise(edges)
    ]
