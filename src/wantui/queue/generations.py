"""The `generations` table: how jobs that ran have ended, for as long as the database lives.

Plain functions on a connection, run on the database's thread.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from wantui.api.job import Job, JobState

COUNTED = (JobState.COMPLETED, JobState.FAILED)
"""A job that was cancelled says nothing of its model."""


class Generation(NamedTuple):
    """One job that a worker took on, once it has ended."""

    model: str
    ended_at: float
    """Seconds since the epoch."""
    succeeded: bool
    seconds: float
    """That a worker was at it, all attempts together; waiting between them is left out."""


class Total(NamedTuple):
    """All of a model's generations up to a time."""

    model: str
    successes: int
    failures: int
    seconds: float
    """Of the successes."""


def generation_of(job: Job) -> Generation | None:
    """None for a job that is not over, was cancelled, or was refused before any attempt."""
    if job.state not in COUNTED or not job.attempts or job.finished_at is None:
        return None
    spent = (
        max(attempt.finished_at - attempt.started_at, 0.0)
        for attempt in job.attempts
        if attempt.finished_at is not None
    )
    succeeded = job.state is JobState.COMPLETED
    return Generation(job.model, job.finished_at, succeeded, sum(spent))


def keep(connection: sqlite3.Connection, job: Job) -> None:
    """Note how a job ended, once; one that is asked for again ends again."""
    if (made := generation_of(job)) is not None:
        connection.execute(
            "INSERT OR IGNORE INTO generations (job, model, ended_at, succeeded, seconds) "
            "VALUES (?, ?, ?, ?, ?)",
            (job.id, *made),
        )


def totals(connection: sqlite3.Connection, before: float) -> list[Total]:
    """Of every model, what ended before a time."""
    rows = connection.execute(
        "SELECT model, sum(succeeded) AS successes, sum(NOT succeeded) AS failures, "
        "total(seconds * succeeded) AS seconds FROM generations WHERE ended_at < ? GROUP BY model",
        (before,),
    )
    return [Total(*row) for row in rows]


def since(connection: sqlite3.Connection, start: float) -> list[Generation]:
    """What ended at that time or later, the oldest first."""
    rows = connection.execute(
        "SELECT model, ended_at, succeeded, seconds FROM generations WHERE ended_at >= ? "
        "ORDER BY ended_at",
        (start,),
    )
    return [Generation(row[0], row[1], bool(row[2]), row[3]) for row in rows]
