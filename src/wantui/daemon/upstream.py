"""What the hub has of each repository now, as far as it was asked: kept over restarts."""

from __future__ import annotations

import contextlib
import sqlite3
import time

from wantui.api.download import Source
from wantui.api.model import Upstream
from wantui.database import Database
from wantui.errors import DiskFull, GatedRepository


class UpstreamBook:
    """What there is no room to write down is asked again one day."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Upstream] = {}

    async def start(self) -> None:
        self._known = await self._database.run(_load)

    def of(self, repository: str | None) -> Upstream | None:
        """None if the hub was never asked."""
        return self._known.get(repository or "")

    async def learn(self, source: Source) -> None:
        """Whether we are let in shows only when files are asked for."""
        told = Upstream(commit=source.commit, gated=source.gated, asked_at=time.time())
        await self._put(source.repository, told)

    async def shut_out(self, error: GatedRepository) -> None:
        """The hub wants a repository's terms accepted first, on the page that it names."""
        page, repository = error.detail.get("page"), error.detail.get("repository")
        if isinstance(page, str) and isinstance(repository, str):
            unknown = Upstream(commit=None, gated=True, asked_at=time.time())
            known = self.of(repository) or unknown
            await self._put(repository, known.model_copy(update={"gated": True, "accept_at": page}))

    async def let_in(self, repository: str) -> None:
        """The hub gave its files to us."""
        known = self.of(repository)
        if known is not None and known.accept_at is not None:
            await self._put(repository, known.model_copy(update={"accept_at": None}))

    async def _put(self, repository: str, told: Upstream) -> None:
        self._known[repository] = told
        with contextlib.suppress(DiskFull):
            await self._database.run(lambda connection: _put(connection, repository, told))


def _load(connection: sqlite3.Connection) -> dict[str, Upstream]:
    rows = connection.execute("SELECT repository, document FROM upstream")
    return {row["repository"]: Upstream.model_validate_json(row["document"]) for row in rows}


def _put(connection: sqlite3.Connection, repository: str, upstream: Upstream) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO upstream VALUES (?, ?)", (repository, upstream.model_dump_json())
    )
