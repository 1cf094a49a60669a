"""A search through all jobs there have been, page by page; what it finds is in the state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wantui.client.exchange import Query
from wantui.tui.filter import query_of
from wantui.tui.state import Found

if TYPE_CHECKING:
    from wantui.tui.session import Session

PAGE = 100


class JobSearch:
    def __init__(self, session: Session, typed: str) -> None:
        """Raises InvalidRequest for what cannot be asked."""
        self._session = session
        self._query: Query = query_of(typed, time.time())
        self._before: int | None = None
        self._over = False

    async def begin(self) -> None:
        """In the place of what was found before. Raises WantuiError."""
        self._session.dispatch(Found(self._session.bridge.boot, None))
        await self.go_on()

    async def go_on(self) -> int:
        """Find older ones; returns how many there were. Raises WantuiError."""
        if self._over:
            return 0
        boot, before = self._session.bridge.boot, self._before
        page = await self._session.bridge.call(
            lambda client: client.find_jobs(self._query, limit=PAGE, before=before)
        )
        self._before, self._over = page.next_before, page.next_before is None
        self._session.dispatch(Found(boot, page.jobs))
        return len(page.jobs)

    def end(self) -> None:
        """Back to the queue."""
        self._session.dispatch(Found(self._session.bridge.boot, None))
