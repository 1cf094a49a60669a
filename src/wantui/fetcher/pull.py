"""A pull: exactly the files that are wanted, each proven before it takes its name.

Bytes are staged beside the hub's cache where no other tool looks, hashed, and renamed to
`blobs/<digest>`; huggingface_hub's own `snapshot_download` then adopts and links them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import huggingface_hub
from huggingface_hub.utils._fixes import WeakFileLock

from wantui.errors import DigestMismatch, FileNotOnHub
from wantui.fetcher.halt import Stopped, finish
from wantui.fetcher.hub import Listing, RemoteFile, locate, typed_errors
from wantui.fetcher.part import Part, Segment, begun_bytes, syncing
from wantui.fetcher.patience import Patience
from wantui.fetcher.steady import read_steadily
from wantui.fetcher.tally import Tally, need_room
from wantui.fetcher.transfer import Throttle, Transfer
from wantui.files import SHARED_FILE, link, private_folder, sweep, write_atomic
from wantui.pipe.fetch import Checked, FetchReport, Outcome, Proven, PullFiles
from wantui.pipe.file import StatKey
from wantui.store.alone import alone
from wantui.store.cache import LOCKS, PIN, STAGING, file_at, repository_folder

SEGMENTS = 4
"""Connections a large file is fetched over."""
MARGIN_BYTES = 512 << 20
"""Left free on the disk for everything else."""
WORTH_BORROWING_BYTES = 1 << 20
"""A smaller file is fetched sooner than looked for."""
FRESH_TRIES = 2
"""A file whose digest is wrong is fetched anew so often; then something tampers with it."""


class Missing(NamedTuple):
    """What is to be fetched."""

    nbytes: int
    files: int


class Pull:
    """These files of one repository, as ordered. `run` once; `stop` from any thread.

    Bytes are counted in `tally`, whose total they are added to.
    """

    def __init__(
        self,
        listing: Listing,
        paths: Sequence[str],
        order: PullFiles,
        tally: Tally,
        tell: Callable[[FetchReport], None],
    ) -> None:
        self._listing = listing
        self._order = order
        self._tell = tell
        self._files = _wanted(listing, paths)
        self._hub_cache = Path(order.hub_cache)
        self._folder = repository_folder(self._hub_cache, listing.repository)
        self._proven = set(order.proven)
        self._patience = Patience(order.stall_s, order.tries)
        self._stop = threading.Event()
        self._throttle = Throttle(order.bytes_a_second)
        self._naming = threading.Lock()
        """Held while files are given names and that is told: a name changes a file's ctime, and
        what was proven of it would be believed no longer.
        """
        self._lock = threading.Lock()
        self._parts: dict[str, Part] = {}
        self._contents = list({file.digest: file for file in self._files}.values())
        self._tally = tally
        tally.total += sum(file.size for file in self._contents)

    def missing(self) -> Missing:
        """What is to come, as far as that can be told without reading files."""
        missing = [file for file in self._contents if not self._seems_there(file)]
        begun = sum(begun_bytes(self._folder / STAGING, f.digest, f.size) for f in missing)
        return Missing(sum(file.size for file in missing) - begun, len(missing))

    def stop(self) -> None:
        """End soon; of every name that was given it is told once this returns."""
        self._stop.set()
        with self._naming:
            pass

    def run(self) -> Path:
        """The snapshot's folder, verified and pinned.

        Raises FetchError, DiskFull, FolderUnsafe or Stopped.
        """
        with alone(self._hub_cache, self._listing.repository):
            private_folder(self._folder / STAGING)
            # A repository without this folder is a broken one to the hub's own tools.
            (self._folder / "snapshots").mkdir(exist_ok=True)
            sweep(self._folder)
            missing = [file for file in self._contents if not self._have(file)]
            self._open(missing)
            if missing:
                coming = sum(file.size - self._parts[file.digest].present for file in missing)
                need_room(self._folder, coming, MARGIN_BYTES)
            try:
                self._fetch(missing)
            finally:
                self._close()
            snapshot = self._adopt()
            with contextlib.suppress(OSError):
                (self._folder / STAGING).rmdir()
        return snapshot

    def _seems_there(self, file: RemoteFile) -> bool:
        """Whether a blob of the right name and size is there, or to be borrowed."""
        return any(
            found.st_size == file.size for found in map(file_at, self._copies(file)) if found
        )

    def _have(self, file: RemoteFile) -> bool:
        """Whether the content is there, here or in another repository, and is what it must be.

        One that is wrong is as if it were not there: a replacement takes its place.
        """
        for copy in self._copies(file):
            key = self._proven_key(copy, file)
            if key is None:
                continue
            with self._uninterrupted():
                if copy != self._blob(file) and not _share(copy, self._blob(file)):
                    continue
                self._vouch(file, key)
            self._tally.add(file.size)
            return True
        return False

    def _proven_key(self, copy: Path, file: RemoteFile) -> StatKey | None:
        """A copy's stat when it was read and was what it must be; None if it is not."""
        info = file_at(copy)
        if info is None or info.st_size != file.size:
            return None
        known = Proven(StatKey.of(info), file.digest)
        if known in self._proven:
            return known.key
        found = read_steadily(copy, file.digest, lambda _: self._stopping())
        return found.key if found.digest == file.digest else None

    def _copies(self, file: RemoteFile) -> Iterator[Path]:
        """Our blob first, then the same content in other repositories of this cache."""
        yield self._blob(file)
        if file.size >= WORTH_BORROWING_BYTES:
            yield from self._others(file)

    def _others(self, file: RemoteFile) -> Iterator[Path]:
        for path in self._hub_cache.glob(f"models--*/blobs/{file.digest}"):
            if path != self._blob(file):
                yield path

    def _vouch(self, file: RemoteFile, read: StatKey) -> None:
        """Tell that the blob is proven, if it is the file that was read, with no write since.

        Its name was all that changed, which shows in its ctime. What is known already is not told
        again: it may be on the disk, and this says that it may not.
        """
        blob = self._blob(file)
        key = StatKey.of(blob.stat())
        if key.but_for_names != read.but_for_names or Proven(key, file.digest) in self._proven:
            return
        self._tell(
            Checked(
                path=file.path,
                key=key,
                outcome=Outcome.VERIFIED,
                digest=file.digest,
                unsynced=str(blob),
            )
        )

    def _open(self, files: Sequence[RemoteFile]) -> None:
        staging = self._folder / STAGING
        for file in files:
            part = Part(staging, file.digest, file.size, SEGMENTS)
            with self._lock:
                self._parts[file.digest] = part
            self._tally.add(part.present)

    def _close(self) -> None:
        with self._lock:
            parts = list(self._parts.values())
            self._parts.clear()
        for part in parts:
            part.close()

    def _fetch(self, files: Sequence[RemoteFile]) -> None:
        """All files, largest first, their segments side by side."""
        ordered = sorted(files, key=lambda file: file.size, reverse=True)
        with (
            syncing(self._opened, self._stop),
            ThreadPoolExecutor(self._order.connections, "fetch") as pool,
        ):
            tasks = [task for file in ordered for task in self._tasks(file, pool)]
            finish(pool, tasks, self._stop)

    def _opened(self) -> list[Part]:
        with self._lock:
            return list(self._parts.values())

    def _tasks(self, file: RemoteFile, pool: ThreadPoolExecutor) -> list[Future[None]]:
        part = self._parts[file.digest]
        transfer = Transfer(
            file,
            part,
            lambda: locate(self._listing.repository, self._listing.commit, file),
            patience=self._patience,
            throttle=self._throttle,
            stop=self._stop,
            on_bytes=lambda count: self._tally.add(count, fetched=count),
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
        for tries_left in reversed(range(FRESH_TRIES + 1)):
            found = read_steadily(part.path, file.digest, lambda _: self._stopping())
            if found.digest == file.digest:
                self._place(file, part, found.key)
                return
            self._tally.add(-part.size)
            part.forget()
            for segment in part.segments if tries_left else ():
                transfer.fill(segment)
        raise DigestMismatch(
            f"{file.path} of {self._listing.repository} came {FRESH_TRIES + 1} times, each "
            f"time with other content than the hub says",
            detail={"path": file.path},
        )

    def _place(self, file: RemoteFile, part: Part, read: StatKey) -> None:
        blob = self._blob(file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        lock = self._hub_cache / LOCKS / self._folder.name / f"{file.digest}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock):  # the hub's own, so that no other tool writes it just now
            bad = file_at(blob)
            with self._uninterrupted():
                part.place(self._target(blob))
                if bad is not None and bad.st_nlink > 1:
                    self._mend_others(file, bad)
                self._vouch(file, read)

    def _target(self, blob: Path) -> Path:
        """Where a blob's bytes are: its own place, or the hub's store that repositories share."""
        resolved = blob.resolve()
        return resolved if resolved.is_relative_to(self._hub_cache.resolve() / "blobs") else blob

    def _mend_others(self, file: RemoteFile, bad: os.stat_result) -> None:
        """Other repositories' names of the bad file become names of the good one."""
        for path in self._others(file):
            info = file_at(path)
            if info is not None and os.path.samestat(info, bad):
                _share(self._blob(file), path)

    def _adopt(self) -> Path:
        """Have the hub's client link what is there, and keep `hf cache prune` from taking it."""
        repository, commit = self._listing.repository, self._listing.commit
        self._unlink_strangers(self._folder / "snapshots" / commit)
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

    def _unlink_strangers(self, snapshot: Path) -> None:
        """Names in the snapshot that lead elsewhere than to the blobs are made anew."""
        for file in self._files:
            for parent in reversed(PurePosixPath(file.path).parents):
                if (snapshot / parent).is_symlink():
                    (snapshot / parent).unlink()
            name = snapshot / file.path
            info = file_at(name)
            if info is not None and not os.path.samestat(info, self._blob(file).stat()):
                name.unlink()

    def _blob(self, file: RemoteFile) -> Path:
        return self._folder / "blobs" / file.digest

    @contextlib.contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        """Nothing but a kill ends the process in here. Raises Stopped."""
        with self._naming:
            self._stopping()
            yield

    def _stopping(self) -> None:
        if self._stop.is_set():
            raise Stopped


def _share(copy: Path, blob: Path) -> bool:
    """Have another repository's file under our name as well; whether the disk can do that."""
    try:
        blob.parent.mkdir(parents=True, exist_ok=True)
        link(copy.resolve(), blob)
    except OSError:
        return False
    return True


def _wanted(listing: Listing, paths: Sequence[str]) -> list[RemoteFile]:
    """Raises FileNotOnHub."""
    lacking = [path for path in paths if path not in listing.files]
    if lacking:
        raise FileNotOnHub(f"{listing.repository} has no {lacking[0]} at {listing.commit[:12]}")
    return [listing.files[path] for path in dict.fromkeys(paths)]


def _literal(path: str) -> str:
    """A pattern of fnmatch that matches this path alone."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)
