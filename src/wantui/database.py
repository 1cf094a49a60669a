"""One SQLite connection on one thread of its own, which groups what waits into one commit.

The event loop hands functions over and awaits their results; it never calls sqlite3. One
connection only: with two or more, SQLite before 3.51.3 could corrupt a reset WAL.

Source of the pragmas: sqlite.org/pragma.html, sqlite.org/wal.html. A commit under
`synchronous=FULL` survives power loss; under NORMAL it survives a crash of the process only.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from wantui.errors import DatabaseUnusable, DiskFull, DiskReadOnly

T = TypeVar("T")
_READ_ONLY = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_READONLY_DIRECTORY,
    sqlite3.SQLITE_READONLY_CANTLOCK,
    sqlite3.SQLITE_READONLY_CANTINIT,
)
_NO_INDEX = (
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMMAP,
)
"""The file with a WAL's index, which every other connection shares, cannot be made."""
MAX_GROUP = 256
"""Units of work that share one commit at most."""


@dataclass(frozen=True)
class _Unit:
    work: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: Future[Any]


class Database:
    """A file of tables; `run` carries out one unit of work, all of it or none."""

    def __init__(
        self, path: Path, *, on_network: bool = False, full: Callable[[], None] = lambda: None
    ) -> None:
        """`on_network`: a rollback journal, for a WAL does not work over a network filesystem.

        `full` is told whenever work fails for want of room.
        """
        self._full = full
        self._path = path
        self._journal = "DELETE" if on_network else "WAL"
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="database", daemon=True)
        self._opened: Future[None] = Future()
        self._stopping = False

    async def start(self) -> None:
        """Open, check and migrate. Raises DatabaseUnusable and leaves the file as it was."""
        self._thread.start()
        await asyncio.wrap_future(self._opened)

    async def stop(self) -> None:
        """Finish what waits, then close."""
        self._stopping = True
        self._units.put(None)
        await asyncio.to_thread(self._thread.join)

    async def run(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """Run `work` inside a transaction; return once it is committed.

        `durable` makes the commit survive power loss. Raises DiskFull when there is no room.
        """
        if self._stopping:
            raise DatabaseUnusable("the database is closed", hint="the daemon is stopping")
        done: Future[T] = Future()
        self._units.put(_Unit(work, durable, done))
        try:
            return await asyncio.wrap_future(done)
        except DiskFull:
            self._full()
            raise

    def _serve(self) -> None:
        try:
            connection = _open(self._path, self._journal)
        except Exception as error:  # noqa: BLE001 - start() raises it
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        open_for_work = True
        while open_for_work:
            group, open_for_work = self._next_group()
            if group:
                _commit_group(connection, group)
        connection.close()

    def _next_group(self) -> tuple[list[_Unit], bool]:
        """Everything that waits now, and whether more may come."""
        group: list[_Unit] = []
        unit = self._units.get()
        while unit is not None:
            if unit.done.set_running_or_notify_cancel():
                group.append(unit)
            if self._units.empty() or len(group) >= MAX_GROUP:
                return group, True
            unit = self._units.get()
        return group, False


def _commit_group(connection: sqlite3.Connection, group: list[_Unit]) -> None:
    """Each unit in a savepoint of its own, all under one commit; then tell who waits."""
    outcomes: list[tuple[_Unit, Any, Exception | None]] = []
    try:
        level = "FULL" if any(unit.durable for unit in group) else "NORMAL"
        connection.execute(f"PRAGMA synchronous={level}")
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_run_unit(connection, unit) for unit in group]
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - run() raises it
        with contextlib.suppress(sqlite3.Error):  # the thread must live to answer who waits
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        outcomes = [(unit, None, _typed(error)) for unit in group]
    for unit, result, failure in outcomes:
        if failure is None:
            unit.done.set_result(result)
        else:
            unit.done.set_exception(failure)


def _run_unit(connection: sqlite3.Connection, unit: _Unit) -> tuple[_Unit, Any, Exception | None]:
    connection.execute("SAVEPOINT unit")
    try:
        result = unit.work(connection)
    except Exception as error:
        if not connection.in_transaction:  # SQLite rolled all of it back: the group has failed
            raise
        connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
        return unit, None, _typed(error)
    connection.execute("RELEASE unit")
    return unit, result, None


def _typed(error: Exception) -> Exception:
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
        return DiskFull("the disk with wantui's state is full")
    if code in _READ_ONLY:
        return DiskReadOnly("the file system with wantui's state takes no writes")
    return DatabaseUnusable(f"the database failed: {error}")


def _open(path: Path, journal: str) -> sqlite3.Connection:
    try:
        if path.exists():
            _check(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (sqlite3.Error, OSError) as error:
        raise _cannot_open(path, error) from error
    try:
        path.chmod(0o600)
        connection.row_factory = sqlite3.Row
        # Ours alone while we live: someone else's lock in the middle would fail a job's commit.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("PRAGMA foreign_keys=ON")
        # SQLite's own lower() knows ASCII only.
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        _migrate(connection)
    except (sqlite3.Error, OSError) as error:
        connection.close()
        raise _cannot_open(path, error) from error
    return connection


def _cannot_open(path: Path, error: sqlite3.Error | OSError) -> Exception:
    """For want of room, which says nothing against the database, or because of what it is."""
    failure = _typed(error)
    if isinstance(failure, DiskFull):
        return failure
    return DatabaseUnusable(f"{path} does not open: {error}")


def _check(path: Path) -> None:
    """Refuse what is damaged or newer, through a connection that cannot write.

    A writing one changes the file by merely opening and closing it: it sets the journal's mode and
    brings a leftover WAL into the database. It takes one, though, where a kill left half of a
    rollback journal, or on a full disk, where the index of a WAL must be kept in memory.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            _check_through(connection, path)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_READONLY_ROLLBACK, *_NO_INDEX):
            raise
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            _check_through(connection, path)


def _check_through(connection: sqlite3.Connection, path: Path) -> None:
    check = connection.execute("PRAGMA quick_check").fetchone()[0]
    if check != "ok":
        raise DatabaseUnusable(f"{path} is damaged: {check}")
    applied, known = _applied(connection), len(migrations())
    if applied > known:
        raise DatabaseUnusable(
            f"{path} was written by a newer wantui (schema {applied}, this one knows {known})",
            hint="run the newer wantui, or set WANTUI_HOME to another folder",
        )


def migrations() -> list[str]:
    """The numbered SQL scripts, in order; `PRAGMA user_version` counts those applied."""
    folder = resources.files("wantui") / "migrations"
    scripts = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    return [script.read_text("utf-8") for script in scripts]


def _applied(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, each script and its number in one transaction."""
    applied = _applied(connection)
    for number, script in enumerate(migrations()[applied:], start=applied + 1):
        connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")
