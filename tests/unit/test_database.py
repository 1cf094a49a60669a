"""The database on a real file: groups of units, kills, damage, newer files, a full disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.made import job as made_job
from tests.made import plan
from wantui.api.job import Job
from wantui.database import Database, migrations
from wantui.errors import DatabaseUnusable, DiskFull
from wantui.queue import table

T = TypeVar("T")

_WRITER = """
import asyncio, sys
from pathlib import Path
from wantui.database import Database

async def main() -> None:
    database = Database(Path(sys.argv[1]), on_network=sys.argv[2:] == ["network"])
    await database.start()
    for number in range(1_000_000):
        await database.run(
            lambda db: db.execute(
                "INSERT INTO jobs (state, model, rev, created_at, document)"
                " VALUES ('x', 'm', 0, 0, '')"
            ).lastrowid,
            durable=True,
        )
        print(number + 1, flush=True)

asyncio.run(main())
"""


def insert(model: str) -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        cursor = connection.execute(
            "INSERT INTO jobs (state, model, rev, created_at, document) VALUES ('x', ?, 0, 0, '')",
            (model,),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    return work


def models(connection: sqlite3.Connection) -> list[str]:
    return [row["model"] for row in connection.execute("SELECT model FROM jobs ORDER BY id")]


def synchronous(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA synchronous").fetchone()[0])


async def rows(database: Database) -> list[str]:
    return await database.run(models)


def with_database(
    path: Path, body: Callable[[Database], Awaitable[T]], *, on_network: bool = False
) -> T:
    async def run() -> T:
        database = Database(path, on_network=on_network)
        await database.start()
        try:
            return await body(database)
        finally:
            await database.stop()

    return asyncio.run(run())


def start(path: Path) -> None:
    async def nothing(_: Database) -> None:
        return None

    with_database(path, nothing)


def failure_to_start(path: Path) -> DatabaseUnusable:
    async def run() -> None:
        database = Database(path)
        try:
            await database.start()
        finally:
            await database.stop()

    with pytest.raises(DatabaseUnusable) as caught:
        asyncio.run(run())
    return caught.value


def test_migrations_build_the_schema_from_nothing_and_a_second_start_changes_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wantui.db"
    start(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    assert {"jobs", "queue", "jobs_by_state"} <= tables
    assert version == len(migrations()) > 0
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    start(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("was", "stay"), [("resident", True), ("staged", False)])
def test_a_plan_of_an_earlier_schema_is_read_as_one_of_today(
    tmp_path: Path, was: str, stay: bool
) -> None:
    path, prompt = tmp_path / "wantui.db", 'a "residency":"resident" cat'
    document = made_job(prompt=prompt, plan=plan()).model_dump(mode="json")
    document["plan"]["residency"] = was
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for script in migrations()[:5]:
            connection.executescript(script)
        connection.execute(
            "INSERT INTO jobs (state, model, rev, created_at, document) VALUES (?, ?, ?, ?, ?)",
            ("completed", "demo", 1, 1.0, json.dumps(document)),
        )
        connection.execute("PRAGMA user_version=5")
        connection.commit()

    async def read(database: Database) -> Job | None:
        return await database.run(lambda connection: table.one(connection, 1))

    job = with_database(path, read)
    assert job is not None
    assert job.plan is not None
    assert job.plan.residency.components_stay is stay
    assert job.params.prompt == prompt


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "wantui.db"

    async def fill(database: Database) -> int:
        return await database.run(insert("demo"))

    async def read(database: Database) -> list[str]:
        return await database.run(models)

    assert with_database(path, fill) == 1
    assert with_database(path, read) == ["demo"]


def test_units_that_wait_together_share_one_commit(tmp_path: Path) -> None:
    commits: list[str] = []

    async def body(database: Database) -> None:
        def trace(connection: sqlite3.Connection) -> None:
            connection.set_trace_callback(
                lambda sql: commits.append(sql) if sql == "COMMIT" else None
            )

        await database.run(trace)
        commits.clear()
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()
        released = asyncio.run_coroutine_threadsafe(gate.wait(), loop)
        # The first unit holds the thread until all the others wait behind it.
        first = asyncio.ensure_future(database.run(lambda _: released.result()))
        units = [asyncio.ensure_future(database.run(insert(str(n)))) for n in range(50)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *units)
        assert await database.run(models) == [str(n) for n in range(50)]

    with_database(tmp_path / "wantui.db", body)
    assert len(commits) <= 3


def test_a_unit_that_fails_undoes_its_own_work_and_nobody_elses(tmp_path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        insert("half")(connection)
        raise LookupError("no")

    async def body(database: Database) -> tuple[list[object], list[str]]:
        outcomes: list[object] = list(
            await asyncio.gather(
                database.run(insert("before")),
                database.run(half),
                database.run(insert("after")),
                return_exceptions=True,
            )
        )
        return outcomes, await database.run(models)

    outcomes, there = with_database(tmp_path / "wantui.db", body)
    assert there == ["before", "after"]
    assert isinstance(outcomes[1], LookupError)
    assert not isinstance(outcomes[0], Exception)
    assert not isinstance(outcomes[2], Exception)


def test_wrong_sql_is_a_typed_failure(tmp_path: Path) -> None:
    async def body(database: Database) -> None:
        with pytest.raises(DatabaseUnusable, match="no such table"):
            await database.run(lambda connection: connection.execute("SELECT * FROM absent"))

    with_database(tmp_path / "wantui.db", body)


def test_a_durable_unit_commits_under_full_synchronous_and_others_do_not(tmp_path: Path) -> None:
    async def body(database: Database) -> tuple[int, int]:
        return await database.run(synchronous), await database.run(synchronous, durable=True)

    normal, full = 1, 2
    assert with_database(tmp_path / "wantui.db", body) == (normal, full)


def test_what_a_killed_process_acknowledged_as_durable_is_there(tmp_path: Path) -> None:
    path = tmp_path / "wantui.db"
    acknowledged = 0
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        while acknowledged < 20:
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])

    async def read(database: Database) -> int:
        return len(await database.run(models))

    assert acknowledged <= with_database(path, read) <= acknowledged + 1


def test_over_a_network_there_is_a_rollback_journal_and_a_kill_loses_nothing(
    tmp_path: Path,
) -> None:
    path, there = tmp_path / "wantui.db", 0
    for _ in range(5):
        command = [sys.executable, "-c", _WRITER, str(path), "network"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            while int(writer.stdout.readline()) < 20:
                pass
            writer.kill()
            acknowledged = there + 20 + len(writer.stdout.read().split())
        assert not path.with_name("wantui.db-wal").exists()
        there = len(with_database(path, rows, on_network=True))
        assert acknowledged <= there <= acknowledged + 1


def test_what_a_kill_left_of_a_rollback_journal_is_undone(tmp_path: Path) -> None:
    path, journal = tmp_path / "wantui.db", tmp_path / "wantui.db-journal"

    async def fill(database: Database) -> None:
        await asyncio.gather(*(database.run(insert("m" * 1000)) for _ in range(200)))

    with_database(path, fill, on_network=True)
    killed = subprocess.run([sys.executable, "-c", _HALF_WRITTEN, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert journal.stat().st_size > 0
    assert with_database(path, rows, on_network=True) == ["m" * 1000] * 200


_HALF_WRITTEN = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=2")  # pages go to the file before the commit
connection.execute("BEGIN")
connection.execute("UPDATE jobs SET model = 'half'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_database_goes_from_a_disk_to_a_network_and_back(tmp_path: Path) -> None:
    path = tmp_path / "wantui.db"

    async def journal(database: Database) -> str:
        await database.run(insert("demo"))
        pragma = "PRAGMA journal_mode"
        return str(await database.run(lambda connection: connection.execute(pragma).fetchone()[0]))

    assert with_database(path, journal) == "wal"
    assert with_database(path, journal, on_network=True) == "delete"
    assert with_database(path, journal) == "wal"
    assert with_database(path, rows) == ["demo"] * 3


def test_what_is_no_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "wantui.db"
    path.write_bytes(content := b"these are not the bytes of a database" * 100)
    assert str(path) in failure_to_start(path).message
    assert path.read_bytes() == content


@pytest.mark.parametrize("killed", [False, True], ids=["closed well", "with a leftover WAL"])
def test_a_torn_database_is_refused_and_left_as_it_was(tmp_path: Path, killed: bool) -> None:
    path, wal = tmp_path / "wantui.db", tmp_path / "wantui.db-wal"

    async def fill(database: Database) -> None:
        await asyncio.gather(*(database.run(insert("m" * 1000)) for _ in range(200)))

    with_database(path, fill)
    if killed:
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.kill()
    content = bytearray(path.read_bytes())
    content[8 * 4096 : 16 * 4096] = b"\xa5" * 8 * 4096
    path.write_bytes(content)
    left_over = wal.read_bytes() if killed else b""
    assert bool(left_over) is killed
    assert str(path) in failure_to_start(path).message
    assert path.read_bytes() == content
    assert not killed or wal.read_bytes() == left_over


def test_a_newer_schema_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "wantui.db"
    start(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={len(migrations()) + 1}")
    before = path.read_bytes()
    failure = failure_to_start(path)
    assert "newer" in failure.message
    assert path.read_bytes() == before


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wantui.db").mkdir()
    assert "wantui.db" in failure_to_start(tmp_path / "wantui.db").message


def test_a_full_disk_is_told_and_reads_and_later_writes_go_on(tmp_path: Path) -> None:
    def cap(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    def uncap(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count=1000000")

    async def body(database: Database) -> list[str]:
        await database.run(insert("kept"))
        await database.run(cap)
        with pytest.raises(DiskFull):
            await database.run(insert("x" * 1_000_000))
        assert await database.run(models) == ["kept"]
        await database.run(uncap)
        await database.run(insert("later"))
        return await database.run(models)

    assert with_database(tmp_path / "wantui.db", body) == ["kept", "later"]


def test_a_stopped_database_refuses_work_instead_of_keeping_it_for_ever(tmp_path: Path) -> None:
    async def run() -> None:
        database = Database(tmp_path / "wantui.db")
        await database.start()
        waiting: asyncio.Future[int] = asyncio.ensure_future(database.run(insert("last")))
        await asyncio.sleep(0)
        await database.stop()
        assert await waiting == 1
        with pytest.raises(DatabaseUnusable):
            await database.run(models)

    asyncio.run(run())


def test_a_unit_that_is_cancelled_before_its_turn_is_not_run(tmp_path: Path) -> None:
    async def body(database: Database) -> list[str]:
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()
        released = asyncio.run_coroutine_threadsafe(gate.wait(), loop)
        first = asyncio.ensure_future(database.run(lambda _: released.result()))
        await asyncio.sleep(0)
        dropped = asyncio.ensure_future(database.run(insert("dropped")))
        await asyncio.sleep(0)
        dropped.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dropped
        gate.set()
        await first
        return await database.run(models)

    assert with_database(tmp_path / "wantui.db", body) == []
