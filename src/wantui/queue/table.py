"""The `jobs` and `queue` tables: plain functions on a connection, run on the database's thread."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from wantui.api.job import Job, JobState
from wantui.queue import chronicle, generations
from wantui.queue.transitions import UNFINISHED


class Row(NamedTuple):
    """A job as it is on disk, not read yet: most of a page is in memory anyway."""

    id: int
    document: str

    def job(self) -> Job:
        return Job.model_validate_json(self.document)


def insert(connection: sqlite3.Connection, job: Job) -> Job:
    """Give the job its id and keep it."""
    cursor = connection.execute(
        "INSERT INTO jobs (state, model, rev, created_at, document) VALUES (?, ?, ?, ?, '')",
        (job.state, job.model, job.rev, job.created_at),
    )
    if cursor.lastrowid is None:
        raise AssertionError("an INSERT has a row id")
    numbered = job.model_copy(update={"id": cursor.lastrowid})
    _write(connection, numbered)
    chronicle.record(connection, None, numbered)
    return numbered


def update(connection: sqlite3.Connection, job: Job) -> None:
    """Keep a job as it is now, and what that says of it."""
    before = one(connection, job.id)
    _write(connection, job)
    if before is not None:
        chronicle.record(connection, before, job)


def _write(connection: sqlite3.Connection, job: Job) -> None:
    connection.execute(
        "UPDATE jobs SET state = ?, cancel_requested = ?, rev = ?, document = ? WHERE id = ?",
        (job.state, job.cancel_requested, job.rev, job.model_dump_json(), job.id),
    )
    generations.keep(connection, job)


def unfinished(connection: sqlite3.Connection) -> list[Job]:
    marks = ", ".join("?" for _ in UNFINISHED)
    rows = connection.execute(
        f"SELECT document FROM jobs WHERE state IN ({marks}) ORDER BY id",  # noqa: S608 - marks
        UNFINISHED,
    )
    return [_job(row) for row in rows]


def cut_short(connection: sqlite3.Connection) -> list[int]:
    """Ids of jobs that a daemon was running when it ended."""
    rows = connection.execute("SELECT id FROM jobs WHERE state = ?", (JobState.RUNNING,))
    return [row["id"] for row in rows]


def finished(connection: sqlite3.Connection, limit: int) -> list[Job]:
    """The last ones, newest first."""
    marks = ", ".join("?" for _ in UNFINISHED)
    rows = connection.execute(
        f"SELECT document FROM jobs WHERE state NOT IN ({marks}) "  # noqa: S608 - marks
        "ORDER BY id DESC LIMIT ?",
        (*UNFINISHED, limit),
    )
    return [_job(row) for row in rows]


def one(connection: sqlite3.Connection, job_id: int) -> Job | None:
    row = connection.execute("SELECT document FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return _job(row) if row else None


def counts(connection: sqlite3.Connection) -> dict[JobState, int]:
    rows = connection.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
    return {JobState(state): count for state, count in rows}


def with_image(connection: sqlite3.Connection, sha256: str, limit: int) -> list[Job]:
    """Jobs that start from this picture, newest first."""
    rows = connection.execute(
        "SELECT document FROM jobs WHERE json_extract(document, '$.params.image.sha256') = ? "
        "ORDER BY id DESC LIMIT ?",
        (sha256, limit),
    )
    return [_job(row) for row in rows]


def last_models(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Models of the latest jobs, newest first, each once."""
    rows = connection.execute(
        "SELECT model FROM jobs GROUP BY model ORDER BY max(id) DESC LIMIT ?", (limit,)
    )
    return [row["model"] for row in rows]


def newest(connection: sqlite3.Connection) -> int:
    """The highest id there has been, of jobs that are gone, too."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    return int(row["seq"]) if row else 0


def states(connection: sqlite3.Connection, job_ids: Iterable[int]) -> dict[int, JobState]:
    """Of those that are there."""
    marks = json.dumps(list(job_ids))
    rows = connection.execute(
        "SELECT id, state FROM jobs WHERE id IN (SELECT value FROM json_each(?))", (marks,)
    )
    return {row["id"]: JobState(row["state"]) for row in rows}


def remove(connection: sqlite3.Connection, job_ids: Iterable[int]) -> dict[JobState, int]:
    """Forget jobs that have ended; how many went, by state."""
    rows = connection.execute(
        "DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?)) "
        "AND state IN ('completed', 'failed', 'cancelled') RETURNING state",
        (json.dumps(list(job_ids)),),
    )
    return Counter(JobState(row["state"]) for row in rows.fetchall())


def turns(connection: sqlite3.Connection) -> dict[int, int]:
    """Owners' last turns, numbered as they were taken."""
    return dict(connection.execute("SELECT owner, served FROM turns").fetchall())


def take_turn(connection: sqlite3.Connection, owner: int, served: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO turns (owner, served) VALUES (?, ?)", (owner, served)
    )


def paused(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT paused FROM queue").fetchone()["paused"])


def touch(connection: sqlite3.Connection) -> None:
    """A page is written, with what was in it."""
    connection.execute("UPDATE queue SET paused = paused")


def set_paused(connection: sqlite3.Connection, value: bool) -> None:
    connection.execute("UPDATE queue SET paused = ?", (value,))


def _job(row: sqlite3.Row) -> Job:
    return Job.model_validate_json(row["document"])
