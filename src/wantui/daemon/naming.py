"""Names of proven files, made and removed by us: what a kill leaves untold of them is read again.

A hard link more or less changes a file's ctime, which is in the key of its verdict, and only the
system knows to what until it is asked. Whoever makes or removes links tells the new key at once; a
kill between the two leaves a file that nobody believes. That its content is the old one cannot be
known without reading it: so it is written down beforehand that links will be made, and where
nobody says that all of it was told, whatever has but another ctime is verified.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NoReturn

from wantui.api.download import Depth, DownloadAction
from wantui.daemon.downloads import Downloads
from wantui.daemon.inventory import Inventory
from wantui.daemon.settle import settle
from wantui.database import Database
from wantui.errors import DiskFull

log = logging.getLogger(__name__)


class Naming:
    """`start`, then `run` until it is cancelled."""

    def __init__(self, database: Database, inventory: Inventory, downloads: Downloads) -> None:
        self._database = database
        self._inventory = inventory
        self._downloads = downloads
        self._untold: dict[int, str] = {}
        """Work that was cut short, by its row."""
        self._news = asyncio.Event()

    async def start(self) -> None:
        """What the table says is under way was cut short by the end of another daemon."""
        self._untold = await self._database.run(_load)
        if self._untold:
            self._news.set()

    @contextlib.asynccontextmanager
    async def under_way(
        self, what: str, cut_short: Callable[[], bool], *, makes_room: bool = False
    ) -> AsyncIterator[None]:
        """Names are made and removed in here; afterwards `cut_short` says if that may be untold.

        Who is cancelled in here was cut short by the daemon's end: the next one sees to it. On a
        full disk this waits until that can be written down, unless it `makes_room` itself.
        """
        row = await (self._noted_if_there_is_room if makes_room else self._noted)(what)
        try:
            yield
        except Exception:
            await self._over(row, what, cut_short=cut_short())
            raise
        await self._over(row, what, cut_short=cut_short())

    async def _noted(self, what: str) -> int:
        return await settle(lambda: self._database.run(lambda c: _insert(c, what)))

    async def _noted_if_there_is_room(self, what: str) -> int | None:
        with contextlib.suppress(DiskFull):
            return await self._database.run(lambda c: _insert(c, what))
        return None

    async def run(self) -> NoReturn:
        """Have read again what was left untold."""
        while True:
            await self._news.wait()
            self._news.clear()
            untold, self._untold = self._untold, {}
            log.info("cut short: %s", ", ".join(untold.values()))
            await self._verify_moved()
            for row in untold:
                await self._strike(row)

    async def _over(self, row: int | None, what: str, *, cut_short: bool) -> None:
        if row is None:
            return
        if cut_short:
            self._untold[row] = what
            self._news.set()
        else:
            await self._strike(row)

    async def _verify_moved(self) -> None:
        for recipe in self._inventory.catalog.recipes:
            weights = await self._inventory.weights(recipe)
            if weights.state.usable and await self._inventory.moved(weights):
                log.info("%s: a proven file may have another name: verifying it", recipe.id)
                asked = recipe.id, recipe.repository, DownloadAction.VERIFY, Depth.CONTENT
                await settle(partial(self._downloads.ask, *asked))

    async def _strike(self, row: int) -> None:
        """A row that a full disk keeps costs no more than a look at the next start."""
        with contextlib.suppress(DiskFull):
            await self._database.run(lambda c: _delete(c, row))


def _load(connection: sqlite3.Connection) -> dict[int, str]:
    return {row["id"]: row["what"] for row in connection.execute("SELECT id, what FROM naming")}


def _insert(connection: sqlite3.Connection, what: str) -> int:
    cursor = connection.execute("INSERT INTO naming (what) VALUES (?)", (what,))
    if cursor.lastrowid is None:
        raise AssertionError("an INSERT has a row id")
    return cursor.lastrowid


def _delete(connection: sqlite3.Connection, row: int) -> None:
    connection.execute("DELETE FROM naming WHERE id = ?", (row,))
