"""A database that does not open, kept aside so that a daemon can start without it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from wantui.daemon.listener import only_daemon
from wantui.database import Database
from wantui.errors import DatabaseUnusable, WrongState
from wantui.files import private_folder
from wantui.paths import Paths

_PARTS = ("", "-wal", "-shm", "-journal")
"""What belongs to a database beside its file: https://www.sqlite.org/tempfiles.html."""


def set_aside(paths: Paths) -> Path:
    """Move the database, whole, to a folder of its own; returns that.

    Nothing of it is changed or removed: another wantui, or `sqlite3 .recover`, may read it yet.
    Raises WrongState if it opens or there is none, and DaemonRunning.
    """
    for folder in (paths.state, paths.run):
        private_folder(folder)
    with only_daemon(paths.lock):
        if not paths.database.exists():
            raise WrongState(f"there is no {paths.database}", hint="run: wantui daemon start")
        asyncio.run(_need_unusable(paths.database))
        aside = private_folder(paths.aside / time.strftime("%Y-%m-%d_%H-%M-%S"))
        for part in _PARTS:
            path = Path(f"{paths.database}{part}")
            if path.exists():
                path.rename(aside / path.name)
    return aside


async def _need_unusable(path: Path) -> None:
    database = Database(path)
    try:
        await database.start()
    except DatabaseUnusable:
        return
    await database.stop()
    raise WrongState(f"{path} opens: it is good as it is", hint="run: wantui daemon start")
