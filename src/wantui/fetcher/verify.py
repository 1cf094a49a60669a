"""Verification: read a model's files and say of each whether it is what it must be.

Needs no network and not the hub's client. A file is hashed by one thread, several files at a time,
the largest first: hashlib lets the others run meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wantui.api.download import Depth
from wantui.errors import WeightsUnreadable
from wantui.fetcher.halt import Stopped, finish
from wantui.fetcher.steady import read_steadily
from wantui.fetcher.tally import Tally
from wantui.files import sync_file
from wantui.pipe.fetch import (
    Checked,
    Fetched,
    FetchReport,
    FileToVerify,
    Outcome,
    Proven,
    VerifyFiles,
)
from wantui.pipe.file import StatKey
from wantui.store.digest import UNVOUCHED
from wantui.store.structure import problems


class Verification:
    """`run` once; `stop` from any thread. Every file that was read is told as it is done."""

    def __init__(self, order: VerifyFiles, tell: Callable[[FetchReport], None]) -> None:
        self._order = order
        self._tell = tell
        self._folder = Path(order.folder)
        self._stop = threading.Event()
        self._tally = Tally(0, tell)

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> Fetched:
        """Raises Stopped, or WeightsUnreadable for a file that the disk does not give."""
        files = [file for file in self._order.files if (self._folder / file.path).is_file()]
        wrong = problems(self._folder, [file.path for file in self._order.files])
        if self._order.depth is Depth.STRUCTURE:
            for file in files:
                if file.path in wrong:
                    self._tell(self._blamed(file, wrong[file.path]))
        else:
            self._read(files, wrong)
        return Fetched(folder=str(self._folder), fetched=0)

    def _read(self, files: list[FileToVerify], wrong: dict[str, str]) -> None:
        proven = set(self._order.proven)
        sizes = {file: (self._folder / file.path).stat().st_size for file in files}
        self._tally.total = sum(sizes.values())
        ordered = sorted(files, key=lambda file: sizes[file], reverse=True)
        with ThreadPoolExecutor(self._order.threads, "verify") as pool:
            tasks = [pool.submit(self._one, file, wrong.get(file.path), proven) for file in ordered]
            finish(pool, tasks, self._stop)

    def _one(self, file: FileToVerify, problem: str | None, proven: set[Proven]) -> None:
        path = self._folder / file.path
        try:
            key = StatKey.of(path.stat())
            if problem is None and Proven(key, file.digest or "") in proven:
                self._advance(key.size)
                return
            self._tell(self._checked(file, path, problem))
        except OSError as error:
            raise WeightsUnreadable(f"{path}: {error.strerror}") from error

    def _checked(self, file: FileToVerify, path: Path, problem: str | None) -> Checked:
        """Read it, and see that what was read is on the disk: the verdict outlives a power cut."""
        deep = self._order.depth is Depth.DEEP
        prepare = _drop_from_memory if deep else lambda _: None
        before, digest = read_steadily(path, file.digest or UNVOUCHED, self._advance, prepare)
        if not sync_file(path, self._stop.is_set):
            raise Stopped
        outcome = Outcome.SOUND if file.digest is None else Outcome.VERIFIED
        if file.digest is not None and digest != file.digest:
            outcome, problem = Outcome.CORRUPT, problem or "its content is not what was published"
        elif problem is not None:
            outcome = Outcome.CORRUPT
        return Checked(path=file.path, key=before, outcome=outcome, digest=digest, problem=problem)

    def _blamed(self, file: FileToVerify, problem: str) -> Checked:
        key = StatKey.of((self._folder / file.path).stat())
        return Checked(
            path=file.path, key=key, outcome=Outcome.CORRUPT, digest=None, problem=problem
        )

    def _advance(self, count: int) -> None:
        """Raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        self._tally.add(count, fetched=count)


def _drop_from_memory(path: Path) -> None:
    """Have the kernel forget what it holds of a file, so that the disk is read (posix_fadvise)."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(handle)  # dirty pages are not dropped
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
