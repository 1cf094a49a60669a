"""The `jobs` and `queue` tables: plain functions on a connection, run on the database's thread."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from wantui.api.job import Job, JobState
from wantui.queue import generations
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
    update(connection, numbered)
    return numbered


def update(connection: sqlite3.Connection, job: Job) -> None:
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


def finished(connection: sqlite3.Connection, limit: int) -> list[Job]:
    """The last ones, newest first."""
    marks = ", ".join("?" for _ in UNFINISHED)
    rows = connection.execute(
        f"SELECT document FROM jobs WHERE state NOT IN ({marks}) "  # noqa: S608 - marks
        "ORDER BY id DESC LIMIT ?",
        (*UNFINISHED, limit),
    )
    return [_job(row) for row in rows]


def page(
    connection: sqlite3.Connection,
    state: JobState | None,
    before: int | None,
    limit: int,
) -> list[Row]:
    """Newest first; `before` is an id."""
    rows = connection.execute(
        "SELECT id, document FROM jobs "
        "WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
        (state, before, limit),
    )
    return [Row(row["id"], row["document"]) for row in rows]


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


def paused(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT paused FROM queue").fetchone()["paused"])


def set_paused(connection: sqlite3.Connection, value: bool) -> None:
    connection.execute("UPDATE queue SET paused = ?", (value,))


def _job(row: sqlite3.Row) -> Job:
    return Job.model_validate_json(row["document"])
