"""A pull as the daemon orders it: asked of the hub, listed, carried out, reported."""

from __future__ import annotations

import threading
from collections.abc import Callable

from wantui.fetcher.halt import Stopped
from wantui.fetcher.hub import listing, need_let_in
from wantui.fetcher.patience import Patience, patiently
from wantui.fetcher.pull import Pull
from wantui.pipe.fetch import Fetched, FetchReport, PullFiles


class Errand:
    """`run` once; `stop` from any thread."""

    def __init__(self, order: PullFiles, tell: Callable[[FetchReport], None]) -> None:
        self._order = order
        self._tell = tell
        self._halting = threading.Event()
        self._pull: Pull | None = None

    def stop(self) -> None:
        """What came is in the journals once this returns."""
        self._halting.set()
        if self._pull is not None:
            self._pull.stop()

    def run(self) -> Fetched:
        """Raises FetchError, DiskFull, FolderUnsafe or Stopped."""
        order = self._order
        patience = Patience(stall_s=order.stall_s, tries=order.tries)
        found = patiently(
            lambda: listing(order.repository, order.revision), patience, self._halting
        )
        pull = self._pull = Pull(found, order, self._tell)
        if self._halting.is_set():
            raise Stopped
        self._tell(pull.listed())
        if order.only_list:
            patiently(lambda: need_let_in(found), patience, self._halting)
            return Fetched(folder="", fetched=0)
        return pull.run()
