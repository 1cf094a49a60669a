"""An adapter's file: one file of a repository, into a folder of its own, proven by its digest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wantui.errors import DigestMismatch, FileNotOnHub, HubRefused
from wantui.fetcher.halt import Stopped, finish
from wantui.fetcher.hub import Listing, RemoteFile, listing, locate
from wantui.fetcher.part import Part, begun_bytes, syncing
from wantui.fetcher.patience import Patience, patiently
from wantui.fetcher.tally import Tally, free_bytes, need_room
from wantui.fetcher.transfer import Throttle, Transfer
from wantui.pipe.fetch import Fetched, FetchReport, Listed, PullAdapter
from wantui.store.cache import file_at
from wantui.store.digest import digest_of
from wantui.text import bytes_text, nearest, one_line

SEGMENTS = 4
"""Connections a large file is fetched over."""
TRIES = 3
"""A file whose digest is wrong is fetched so often; then something tampers with it."""
SUFFIX = ".safetensors"


class AdapterErrand:
    """`run` once; `stop` from any thread."""

    def __init__(self, order: PullAdapter, tell: Callable[[FetchReport], None]) -> None:
        self._order = order
        self._tell = tell
        self._patience = Patience(stall_s=order.stall_s, tries=order.tries)
        self._stop = threading.Event()
        self._tally = Tally(0, tell)

    def stop(self) -> None:
        """What came is in the journal at any moment."""
        self._stop.set()

    def run(self) -> Fetched:
        """Says where the proven file is. Raises FetchError, DiskFull or Stopped."""
        order = self._order
        found = patiently(
            lambda: listing(order.repository, order.revision), self._patience, self._stop
        )
        file = _wanted(found, order)
        self._tally.total = file.size
        self._tell(self._listed(found, file))
        for there in (self._kept(file), self._staged(file)):
            if self._proven(there, file):
                self._tally.add(file.size)
                return self._fetched_to(there)
        self._bring(found, file)
        return self._fetched_to(self._staged(file))

    def _listed(self, found: Listing, file: RemoteFile) -> Listed:
        staging = Path(self._order.staging)
        there = any(map(file_at, (self._kept(file), self._staged(file))))
        missing = 0 if there else file.size - begun_bytes(staging, file.digest, file.size)
        return Listed(
            sources=(found.source,),
            total=file.size,
            missing=missing,
            missing_files=int(not there),
            free=free_bytes(staging),
        )

    def _fetched_to(self, path: Path) -> Fetched:
        return Fetched(folder=str(path.parent), fetched=self._tally.fetched, file=str(path))

    def _kept(self, file: RemoteFile) -> Path:
        """Where the daemon keeps it, if it does: an LFS file's digest is its sha256."""
        return Path(self._order.kept) / f"{file.digest}{SUFFIX}"

    def _staged(self, file: RemoteFile) -> Path:
        return Path(self._order.staging) / f"{file.digest}{SUFFIX}"

    def _proven(self, path: Path, file: RemoteFile) -> bool:
        return (
            path.is_file()
            and path.stat().st_size == file.size
            and digest_of(path, file.digest, lambda _: self._stopping()) == file.digest
        )

    def _bring(self, found: Listing, file: RemoteFile) -> None:
        staging = Path(self._order.staging)
        part = Part(staging, file.digest, file.size, SEGMENTS)
        try:
            need_room(staging, file.size - part.present)
            self._tally.add(part.present)
            transfer = Transfer(
                file,
                part,
                lambda: locate(found.repository, found.commit, file),
                patience=self._patience,
                throttle=Throttle(self._order.bytes_a_second),
                stop=self._stop,
                on_bytes=lambda count: self._tally.add(count, fetched=count),
            )
            with syncing(lambda: (part,), self._stop):
                self._prove(file, part, transfer)
            part.place(self._staged(file))
        finally:
            part.close()

    def _prove(self, file: RemoteFile, part: Part, transfer: Transfer) -> None:
        """Fetch it until it is what the hub says. Raises DigestMismatch."""
        for _ in range(TRIES):
            self._fill(part, transfer)
            if digest_of(part.path, file.digest, lambda _: self._stopping()) == file.digest:
                return
            self._tally.add(-part.size)
            part.forget()
        raise DigestMismatch(
            f"{file.path} of {self._order.repository} came {TRIES} times, each time with other "
            "content than the hub says",
            detail={"path": file.path},
        )

    def _fill(self, part: Part, transfer: Transfer) -> None:
        """All segments, side by side; the first that fails ends the others."""
        with ThreadPoolExecutor(min(SEGMENTS, self._order.connections), "fetch") as pool:
            tasks = [pool.submit(transfer.fill, segment) for segment in part.segments]
            finish(pool, tasks, self._stop)

    def _stopping(self) -> None:
        if self._stop.is_set():
            raise Stopped


def _wanted(found: Listing, order: PullAdapter) -> RemoteFile:
    """Raises FileNotOnHub with the nearest name, or HubRefused for one that is too large."""
    file = found.files.get(order.path)
    if file is None:
        names = [path for path in found.files if path.endswith(SUFFIX)]
        near = nearest(order.path, names)
        raise FileNotOnHub(
            f"{found.repository} has no {one_line(order.path, 120)} at {found.commit[:12]}",
            hint=f"did you mean {one_line(near, 200)}?" if near else None,
        )
    if file.size > order.most_bytes:
        raise HubRefused(
            f"{file.path} has {bytes_text(file.size)}; {bytes_text(order.most_bytes)} are allowed",
            hint="is it an adapter? If so, raise [limits] adapter_bytes",
        )
    return file
