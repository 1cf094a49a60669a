"""A file on its way: `<digest>.part` with the bytes, and two journals of which of them count.

`<digest>.json` says what is written, after every write: a kill at any moment leaves it true, and
costs no byte that it could have named. It is not synced itself, and after a power cut, when another
kernel runs, it may be nothing: then it is `<digest>.synced.json` that counts, which says what had
reached the disk by the last sync.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from wantui.errors import DiskFull
from wantui.fetcher.halt import Stopped
from wantui.files import (
    PRIVATE_FILE,
    SHARED_FILE,
    boot_id,
    full_disk_named,
    sync_file,
    write_atomic,
)

SYNC_S = 30.0
"""What came in so long is fetched again after a power cut; Linux writes by itself what is older."""
SEGMENT_BYTES = 32 << 20
"""A smaller file is not split."""


class Segment(BaseModel):
    """Bytes `start` to `end` of a file: those before `at` are there."""

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
    boot: str | None
    """The kernel's that has what is written; None if the disk has it."""
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
        self._files = _Files.of(folder, digest)
        self._lock = threading.Lock()
        self._begun = 0
        kept = self._files.believed(digest, size)
        if kept is None:
            self._files.unlink_journals()
        begun = kept.segments if kept else _split(size, segments)
        self._journal = _Journal(digest=digest, size=size, boot=boot_id(), segments=begun)
        self._written = -1
        """The open journal of what is written, once there is one of this process's."""
        self.placed = False
        self._refused = False
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
        """Put the next bytes of a segment where they belong, and say so. Raises DiskFull."""
        with full_disk_named(self.path):
            view = memoryview(content)
            try:
                while view:
                    written = os.pwrite(self._file, view, segment.at)
                    segment.at += written
                    view = view[written:]
            finally:  # of what a full disk cuts short, the beginning is there
                self._say_what_is_written()

    def _say_what_is_written(self) -> None:
        """In place, for it comes after every write: a few bytes of one page are never half there.

        Numbers only grow, so that it never gets shorter.
        """
        with self._lock:
            if self.placed or self._refused:
                return
            content = self._journal.model_dump_json().encode()
            if self._written < 0:
                write_atomic(self._files.written, content, durable=False)
                self._written = os.open(self._files.written, os.O_WRONLY | os.O_CLOEXEC)
            else:
                os.pwrite(self._written, content, 0)

    def sync(self) -> None:
        """Put what is written on the disk, while more is written. Raises OSError or DiskFull.

        After that what the last sync brought there is all that counts: the rest may be lost.
        """
        with self._lock:
            reached = self._journal.model_copy(deep=True, update={"boot": None})
            begun = self._begun
        try:
            with full_disk_named(self.path):
                sync_file(self.path)
        except (OSError, DiskFull):
            with self._lock:
                self._refused = True
                self._drop_written()
            raise
        with self._lock:
            if self._begun == begun and not self.placed:
                write_atomic(self._files.synced, reached.model_dump_json().encode())

    def forget(self) -> None:
        """Start over: what came is not what was asked for."""
        with self._lock:
            self._drop_written()
            self._files.unlink_journals()
            for segment in self.segments:
                segment.at = segment.start
            self._begun += 1
            self._refused = False
            os.ftruncate(self._file, 0)

    def place(self, target: Path) -> None:
        """Give the whole, verified file its final name; it may not be on the disk yet."""
        self.close()
        with self._lock:
            self.placed = True
            self.path.chmod(SHARED_FILE)
            self.path.replace(target)
            self._files.unlink_journals()

    def close(self) -> None:
        with self._lock:
            for handle in (self._file, self._written):
                if handle >= 0:
                    os.close(handle)
            self._file = self._written = -1

    def _drop_written(self) -> None:
        """Nothing of what is written counts any more; whoever calls holds the lock."""
        if self._written >= 0:
            os.close(self._written)
            self._written = -1
        self._files.written.unlink(missing_ok=True)


@contextlib.contextmanager
def syncing(parts: Callable[[], Iterable[Part]], stop: threading.Event) -> Iterator[None]:
    """Bring to the disk, beside the work and now and then, what a power cut shall not cost.

    A disk that refuses sets `stop`, which ends the work, and is what it failed of.
    """
    over = threading.Event()
    refused: list[OSError | DiskFull] = []

    def sync() -> None:
        while not over.wait(SYNC_S):
            for part in parts():
                if not part.present or part.placed:
                    continue
                try:
                    part.sync()
                except FileNotFoundError:  # it was placed meanwhile
                    continue
                except (OSError, DiskFull) as error:
                    refused.append(error)
                    stop.set()

    threading.Thread(target=sync, name="sync", daemon=True).start()
    try:
        yield
    except Stopped:
        if refused:
            raise refused[0] from None
        raise
    finally:
        over.set()


def begun_bytes(folder: Path, digest: str, size: int) -> int:
    """Bytes of a file that came in an earlier try and count."""
    journal = _Files.of(folder, digest).believed(digest, size)
    return sum(segment.at - segment.start for segment in journal.segments) if journal else 0


class _Files(NamedTuple):
    part: Path
    written: Path
    synced: Path

    @classmethod
    def of(cls, folder: Path, digest: str) -> Self:
        names = (f"{digest}.part", f"{digest}.json", f"{digest}.synced.json")
        return cls(*(folder / name for name in names))

    def believed(self, digest: str, size: int) -> _Journal | None:
        """The journal of an earlier try, if there is one that can be believed."""
        return self._read(self.written, boot_id(), digest, size) or self._read(
            self.synced, None, digest, size
        )

    def unlink_journals(self) -> None:
        self.written.unlink(missing_ok=True)
        self.synced.unlink(missing_ok=True)

    def _read(self, path: Path, boot: str | None, digest: str, size: int) -> _Journal | None:
        try:
            journal = _Journal.model_validate_json(path.read_bytes())
            there = self.part.stat().st_size
        except (OSError, ValidationError):
            return None
        most = max((s.at for s in journal.segments if s.at > s.start), default=0)
        sound = journal.boot == boot and journal.sound(digest, size) and there >= most
        return journal if sound else None


def _split(size: int, segments: int) -> list[Segment]:
    count = min(segments, max(size // SEGMENT_BYTES, 1))
    edges = [size * n // count for n in range(count + 1)]
    return [Segment(start=start, end=end, at=start) for start, end in itertools.pairwise(edges)]
