"""What is kept of a job's changes, by the real state machine on a real database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.made import job as made_job
from tests.made import plan
from wantui.api.history import Happened
from wantui.api.job import Job, JobState
from wantui.database import migrations
from wantui.errors import GenerationFailed, WorkerCrashed
from wantui.queue import chronicle, table, transitions

NOW = 1_800_000_000.0


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.create_function("casefold", 1, str.casefold)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys=ON")
        for script in migrations():
            connection.executescript(script)
        yield connection


def accepted(connection: sqlite3.Connection) -> Job:
    return table.insert(connection, made_job(state=JobState.QUEUED))


def kept(connection: sqlite3.Connection, job: Job) -> Job:
    table.update(connection, job)
    return job


def told(connection: sqlite3.Connection, job: Job) -> list[tuple[Happened, int | None, str | None]]:
    return [(each.what, each.attempt, each.note) for each in chronicle.of(connection, job.id)]


def test_a_life_with_a_crash_a_hold_and_an_end(connection: sqlite3.Connection) -> None:
    job = accepted(connection)
    job = kept(connection, transitions.claim(job, plan(), NOW))
    where = job.plan.device_name if job.plan else ""
    job = kept(connection, transitions.started_worker(job, 4242))
    job = kept(connection, transitions.checkpointed(job, 4))
    crash = WorkerCrashed("the worker was killed")
    job = kept(connection, transitions.fail(job, crash, NOW + 1, max_crashes=9))
    job = kept(connection, transitions.claim(job, plan(), NOW + 2))
    job = kept(connection, transitions.began(job, 4))
    job = kept(connection, transitions.hold(job))
    job = kept(connection, transitions.stopped(job, NOW + 3))
    job = kept(connection, transitions.release(job))
    job = kept(connection, transitions.claim(job, plan(), NOW + 4))
    job = kept(connection, transitions.interrupted(job, NOW + 5, max_interruptions=9))
    job = kept(connection, transitions.claim(job, plan(), NOW + 6))
    job = kept(connection, transitions.cancel(job, NOW + 7))
    job = kept(connection, transitions.fail(job, GenerationFailed("no"), NOW + 8, max_crashes=9))
    assert told(connection, job) == [
        (Happened.ACCEPTED, None, None),
        (Happened.STARTED, 1, where),
        (Happened.QUEUED, 1, "worker_crashed: the worker was killed"),
        (Happened.STARTED, 2, where),
        (Happened.RESUMED, 2, "after step 4"),
        (Happened.HOLD_ASKED, None, None),
        (Happened.HELD, 2, "interrupted"),
        (Happened.RELEASED, None, None),
        (Happened.STARTED, 3, where),
        (Happened.QUEUED, 3, "the daemon died"),
        (Happened.STARTED, 4, where),
        (Happened.CANCEL_ASKED, None, None),
        (Happened.CANCELLED, 4, None),
    ]
    times = [entry.at for entry in chronicle.of(connection, job.id)]
    assert (times[1], times[3], times[-1]) == (NOW, NOW + 2, NOW + 8)


def test_a_failure_is_kept_with_its_reason(connection: sqlite3.Connection) -> None:
    job = transitions.claim(accepted(connection), plan(), NOW)
    kept(connection, job)
    kept(connection, transitions.fail(job, GenerationFailed("no cat"), NOW, max_crashes=1))
    assert told(connection, job)[-1] == (Happened.FAILED, 1, "generation_failed: no cat")


def test_a_held_job_says_so_at_once_and_a_refused_one_had_no_attempt(
    connection: sqlite3.Connection,
) -> None:
    held = table.insert(connection, made_job(state=JobState.HELD))
    assert [what for what, _, _ in told(connection, held)] == [Happened.ACCEPTED, Happened.HELD]
    job = accepted(connection)
    kept(connection, transitions.refuse(job, GenerationFailed("never"), NOW))
    assert told(connection, job)[-1] == (Happened.FAILED, None, "generation_failed: never")


def test_claims_that_come_to_nothing_leave_nothing(connection: sqlite3.Connection) -> None:
    job = accepted(connection)
    for _ in range(50):
        job = kept(connection, transitions.claim(job, plan(), NOW))
        job = kept(connection, transitions.put_back(job, NOW))
    assert told(connection, job) == [(Happened.ACCEPTED, None, None)]


def test_an_attempt_is_told_of_also_where_the_end_of_the_last_was_not_kept(
    connection: sqlite3.Connection,
) -> None:
    job = kept(connection, transitions.claim(accepted(connection), plan(), NOW))
    in_memory = transitions.interrupted(job, NOW + 1, max_interruptions=9)
    kept(connection, transitions.claim(in_memory, plan(), NOW + 2))
    assert [(what, number) for what, number, _ in told(connection, job)] == [
        (Happened.ACCEPTED, None),
        (Happened.STARTED, 1),
        (Happened.STARTED, 2),
    ]


def test_a_history_goes_with_its_job(connection: sqlite3.Connection) -> None:
    job = accepted(connection)
    connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
    assert told(connection, job) == []
