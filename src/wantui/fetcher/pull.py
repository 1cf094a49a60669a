"""A pull: exactly the files that are wanted, each proven before it takes its name.

Bytes are staged beside the hub's cache where no other tool looks, hashed, and renamed to
`blobs/<digest>`; huggingface_hub's own `snapshot_download` then adopts and links them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub.utils._fixes import WeakFileLock

from wantui.errors import DigestMismatch, DiskFull, DownloadBusy, FileNotOnHub
from wantui.fetcher.hub import Listing, RemoteFile, locate, typed_errors
from wantui.fetcher.part import SHARED_FILE, Part, Segment
from wantui.fetcher.patience import Patience, Stopped
from wantui.fetcher.transfer import Throttle, Transfer
from wantui.files import PRIVATE_FILE, private_folder, write_atomic
from wantui.store.cache import PIN, STAGING, repository_folder
from wantui.store.digest import digest_of
from wantui.text import bytes_text

SEGMENTS = 4
"""Connections a large file is fetched over."""
MARGIN_BYTES = 512 << 20
"""Left free on the disk for everything else."""
FRESH_TRIES = 2
"""A file whose digest is wrong is fetched anew so often; then something tampers with it."""


@dataclass(frozen=True)
class Told:
    """Where a pull stands, in bytes of the files that are wanted."""

    done: int
    total: int
    fetched: int
    """Came over the network in this run."""


@dataclass(frozen=True)
class Limits:
    connections: int
    bytes_a_second: int | None
    patience: Patience


class Pull:
    """One repository's files into one cache. `run` once; `stop` from any thread."""

    def __init__(
        self,
        listing: Listing,
        paths: Sequence[str],
        hub_cache: Path,
        limits: Limits,
        on_progress: Callable[[Told], None],
    ) -> None:
        self._listing = listing
        self._files = _wanted(listing, paths)
        self._hub_cache = hub_cache
        self._folder = repository_folder(hub_cache, listing.repository)
        self._limits = limits
        self._on_progress = on_progress
        self._stop = threading.Event()
        self._throttle = Throttle(limits.bytes_a_second)
        self._lock = threading.Lock()
        self._parts: dict[str, Part] = {}
        self._done = self._fetched = 0
        self._contents = list({file.digest: file for file in self._files}.values())
        self.total = sum(file.size for file in self._contents)

    def stop(self) -> None:
        """End soon; what came is in the journals once this returns."""
        self._stop.set()
        with self._lock:
            parts = list(self._parts.values())
        for part in parts:
            with contextlib.suppress(OSError, DiskFull):
                part.save()

    def run(self) -> Path:
        """Returns the snapshot's folder, verified and pinned.

        Raises FetchError, DiskFull, FolderUnsafe or Stopped.
        """
        private_folder(self._folder / STAGING)
        with self._alone():
            missing = [file for file in self._contents if not self._have(file)]
            self._open(missing)
            self._need_room(missing)
            try:
                self._fetch(missing)
            finally:
                self._close()
            snapshot = self._adopt()
        with contextlib.suppress(OSError):  # another pull may have begun
            (self._folder / STAGING).rmdir()
        return snapshot

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One pull a repository and cache, whichever daemon runs it. Raises DownloadBusy."""
        path = self._folder / STAGING / "lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                repository = self._listing.repository
                raise DownloadBusy(f"another process pulls {repository} already") from error
            yield
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)

    def _have(self, file: RemoteFile) -> bool:
        """Whether the blob is there and is what its name says; a wrong one is not."""
        blob = self._blob(file)
        if not blob.is_file() or blob.stat().st_size != file.size:
            return False
        if digest_of(blob, file.digest, lambda _: self._stopping()) != file.digest:
            return False
        self._advance(file.size, 0)
        return True

    def _open(self, files: Sequence[RemoteFile]) -> None:
        staging = self._folder / STAGING
        for file in files:
            part = Part(staging, file.digest, file.size, SEGMENTS)
            with self._lock:
                self._parts[file.digest] = part
            self._advance(part.present, 0)

    def _close(self) -> None:
        with self._lock:
            parts = list(self._parts.values())
            self._parts.clear()
        for part in parts:
            with contextlib.suppress(OSError, DiskFull):
                if part.present and not part.placed:
                    part.save()
            part.close()

    def _need_room(self, files: Sequence[RemoteFile]) -> None:
        """Raises DiskFull before a byte is fetched that could not be kept."""
        needed = sum(file.size - self._parts[file.digest].present for file in files)
        free = shutil.disk_usage(self._folder).free
        if files and needed + MARGIN_BYTES > free:
            raise DiskFull(
                f"{bytes_text(needed)} are to come, {bytes_text(free)} are free in {self._folder}",
                detail={"needed": needed, "free": free},
            )

    def _fetch(self, files: Sequence[RemoteFile]) -> None:
        """All files, largest first, their segments side by side."""
        ordered = sorted(files, key=lambda file: file.size, reverse=True)
        with ThreadPoolExecutor(self._limits.connections, "fetch") as pool:
            tasks = [task for file in ordered for task in self._tasks(file, pool)]
            wait(tasks, return_when=FIRST_EXCEPTION)
            failed = next((task for task in tasks if task.done() and task.exception()), None)
            if failed is not None:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                failed.result()

    def _tasks(self, file: RemoteFile, pool: ThreadPoolExecutor) -> list[Future[None]]:
        part = self._parts[file.digest]
        transfer = Transfer(
            file,
            part,
            lambda: locate(self._listing.repository, self._listing.commit, file),
            patience=self._limits.patience,
            throttle=self._throttle,
            stop=self._stop,
            on_bytes=lambda count: self._advance(count, count),
        )
        finishing = threading.Lock()

        def fill(segment: Segment) -> None:
            transfer.fill(segment)
            with finishing:  # whoever brings the last segment
                if part.complete and not part.placed:
                    self._finish(file, part, transfer)

        return [pool.submit(fill, segment) for segment in part.segments]

    def _finish(self, file: RemoteFile, part: Part, transfer: Transfer) -> None:
        """Prove the file and give it its name. Raises DigestMismatch."""
        for _ in range(FRESH_TRIES):
            if digest_of(part.path, file.digest, lambda _: self._stopping()) == file.digest:
                self._place(file, part)
                return
            self._advance(-part.size, 0)
            part.forget()
            for segment in part.segments:
                transfer.fill(segment)
        if digest_of(part.path, file.digest) != file.digest:
            self._advance(-part.size, 0)
            part.forget()
            raise DigestMismatch(
                f"{file.path} of {self._listing.repository} came {FRESH_TRIES + 1} times, each "
                f"time with other content than the hub says",
                detail={"path": file.path},
            )
        self._place(file, part)

    def _place(self, file: RemoteFile, part: Part) -> None:
        blob = self._blob(file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        lock = self._hub_cache / ".locks" / self._folder.name / f"{file.digest}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock):  # the hub's own, so that no other tool writes it just now
            part.place(blob)

    def _adopt(self) -> Path:
        """Have the hub's client link what is there, and keep `hf cache prune` from taking it."""
        repository, commit = self._listing.repository, self._listing.commit
        with typed_errors(repository):
            folder = huggingface_hub.snapshot_download(
                repository,
                revision=commit,
                cache_dir=self._hub_cache,
                allow_patterns=[_literal(file.path) for file in self._files],
            )
        pin = self._folder / "refs" / PIN
        pin.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(pin, commit.encode(), SHARED_FILE)
        return Path(folder)

    def _blob(self, file: RemoteFile) -> Path:
        return self._folder / "blobs" / file.digest

    def _stopping(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _advance(self, count: int, fetched: int) -> None:
        with self._lock:
            self._done += count
            self._fetched += fetched
            told = Told(self._done, self.total, self._fetched)
        self._on_progress(told)


def _wanted(listing: Listing, paths: Sequence[str]) -> list[RemoteFile]:
    """Raises FileNotOnHub."""
    lacking = [path for path in paths if path not in listing.files]
    if lacking:
        raise FileNotOnHub(f"{listing.repository} has no {lacking[0]} at {listing.commit[:12]}")
    return [listing.files[path] for path in dict.fromkeys(paths)]


def _literal(path: str) -> str:
    """A pattern of fnmatch that matches this path alone."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)
