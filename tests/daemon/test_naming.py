"""Names of proven files on a disk that is full."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.daemon.test_recovery import Store
from wantui.daemon.naming import Naming
from wantui.database import Database
from wantui.paths import Paths

pytestmark = pytest.mark.anyio


def no_room(connection: sqlite3.Connection) -> None:
    """What is said to be under way from now on needs more room than there is."""
    connection.execute("CREATE TABLE filler (content BLOB)")
    connection.execute(
        "CREATE TRIGGER grow AFTER INSERT ON naming "
        "BEGIN INSERT INTO filler VALUES (zeroblob(100000)); END"
    )
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


async def test_a_full_disk_keeps_nothing_from_being_removed(
    tmp_path: Path, database: Database
) -> None:
    store = Store(database, Paths.from_environment({"WANTUI_HOME": str(tmp_path)}))
    named = Naming(database, store.inventory, store.downloads)
    await database.run(no_room)

    async def removal(*, makes_room: bool) -> None:
        async with named.under_way("removal", lambda: False, makes_room=makes_room):
            pass

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(removal(makes_room=False), 0.5)
    await asyncio.wait_for(removal(makes_room=True), 30.0)
