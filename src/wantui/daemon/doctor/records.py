"""The database: SQLite's version, and whether the file is sound."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from pathlib import Path

from wantui.api.doctor import Finding, error, ok, warn

Version = tuple[int, int, int]
BUG_FROM: Version = (3, 7, 0)
BUG_UNTIL: Version = (3, 51, 2)
"""With two connections or more, a WAL that is reset could corrupt the database.
Source: sqlite.org/wal.html, "the WAL-reset bug"."""
CONNECTIONS = 1
"""That a daemon has: `database.Database`."""


def check_sqlite(version: Version, connections: int = CONNECTIONS) -> Finding:
    told = f"SQLite {'.'.join(map(str, version))}"
    if not BUG_FROM <= version <= BUG_UNTIL:
        return ok("database", told)
    bug = "its WAL-reset bug needs two connections"
    if connections > 1:
        what = f"{told}: {bug}, and there are {connections}"
        return error("database", what, fix="install a Python with SQLite 3.51.3 or newer")
    return ok("database", f"{told}: {bug}, and the daemon has one")


def check_soundness(told: str | None, path: str) -> Finding:
    """`told` is what `PRAGMA quick_check` said, None where there is no database."""
    if told is None:
        return ok("database", "there is none yet", path)
    if told == "ok":
        return ok("database", "quick_check finds nothing", path)
    name = shlex.quote(path)
    fix = (
        f"sqlite3 {name} .recover | sqlite3 {name}.new; mv {name} {name}.bad; mv {name}.new {name}"
    )
    return error("database", f"it is damaged: {told}", where=path, fix=fix)


def check_locked(path: str) -> Finding:
    """Another process has it, which is no daemon that answers."""
    fix = f"fuser -v {shlex.quote(path)}"
    return warn(
        "database", "another process holds it, so that it was not read", where=path, fix=fix
    )


def quick_check(connection: sqlite3.Connection) -> str:
    """`ok`, or what is wrong."""
    return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])


def look_alone(path: Path) -> Finding:
    """Where no daemon has it open: read through a connection that cannot write."""
    if not path.exists():
        return check_soundness(None, str(path))
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
            return check_soundness(quick_check(connection), str(path))
    except sqlite3.OperationalError as failure:
        if failure.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return check_locked(str(path))
        return check_soundness(str(failure), str(path))
    except sqlite3.Error as failure:
        return check_soundness(str(failure), str(path))
