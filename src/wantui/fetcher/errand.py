"""A pull as the daemon orders it: asked of the hub, listed, carried out, reported.

All repositories are listed before the first byte comes: what is refused is refused at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from wantui.fetcher.halt import Stopped
from wantui.fetcher.hub import Listing, listing, need_let_in
from wantui.fetcher.patience import Patience, patiently
from wantui.fetcher.pull import Pull
from wantui.fetcher.tally import Tally, free_bytes
from wantui.pipe.fetch import Fetched, FetchReport, Listed, PullFiles


class Errand:
    """`run` once; `stop` from any thread."""

    def __init__(self, order: PullFiles, tell: Callable[[FetchReport], None]) -> None:
        self._order = order
        self._tell = tell
        self._halting = threading.Event()
        self._patience = Patience(stall_s=order.stall_s, tries=order.tries)
        self._tally = Tally(0, tell)
        self._pulls: Sequence[Pull] = ()

    def stop(self) -> None:
        """What came is in the journals once this returns."""
        self._halting.set()
        for pull in self._pulls:
            pull.stop()

    def run(self) -> Fetched:
        """Says where the first repository's snapshot is.

        Raises FetchError, DiskFull, FolderUnsafe or Stopped.
        """
        order = self._order
        found = [self._listing(each.repository, each.revision) for each in order.wanted]
        self._pulls = [
            Pull(each, wanted.paths, order, self._tally, self._tell)
            for each, wanted in zip(found, order.wanted, strict=True)
        ]
        self._need_go_on()
        self._tell(self._listed(found))
        if order.only_list:
            for each in found:
                self._need_let_in(each)
            return Fetched(folder="", fetched=0)
        folders = [self._bring(pull) for pull in self._pulls]
        return Fetched(folder=str(folders[0]), fetched=self._tally.fetched)

    def _listing(self, repository: str, revision: str | None) -> Listing:
        return patiently(lambda: listing(repository, revision), self._patience, self._halting)

    def _need_let_in(self, found: Listing) -> None:
        patiently(lambda: need_let_in(found), self._patience, self._halting)

    def _listed(self, found: Sequence[Listing]) -> Listed:
        missing = [pull.missing() for pull in self._pulls]
        return Listed(
            sources=tuple(each.source for each in found),
            total=self._tally.total,
            missing=sum(each.nbytes for each in missing),
            missing_files=sum(each.files for each in missing),
            free=free_bytes(Path(self._order.hub_cache)),
        )

    def _bring(self, pull: Pull) -> Path:
        self._need_go_on()
        return pull.run()

    def _need_go_on(self) -> None:
        """Raises Stopped."""
        if self._halting.is_set():
            raise Stopped
