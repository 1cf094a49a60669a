"""What is counted of a model's jobs: how they ended, of all time and lately."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from tests.made import NOW, attempt, completed, failed, job
from wantui.api.job import Job, JobState
from wantui.api.report import Tally
from wantui.daemon.track_record import DAY_S, WEEK_S, TrackRecord
from wantui.database import Database, migrations
from wantui.queue import table

pytestmark = pytest.mark.anyio


def ended(job: Job, at: float, *seconds: float) -> Job:
    """The same job, ended then, with attempts of so many seconds."""
    attempts = tuple(
        attempt().model_copy(update={"started_at": at - spent, "finished_at": at})
        for spent in seconds
    )
    return job.model_copy(update={"finished_at": at, "attempts": attempts})


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


async def keep(database: Database, *jobs: Job) -> None:
    for each in jobs:
        await database.run(lambda c, each=each: table.insert(c, each))  # type: ignore[misc]


def counts(tally: Tally) -> tuple[int, int, int]:
    return tally.generations, tally.successes, tally.failures


async def test_a_success_rate_counts_what_ran_and_neither_cancelled_nor_refused_jobs(
    database: Database,
) -> None:
    await keep(
        database,
        ended(completed(1), NOW - 10, 3.0, 5.0),
        ended(completed(2), NOW - 20, 2.0),
        ended(failed(3), NOW - 30, 100.0),
        ended(failed(4), NOW - 40),  # refused: no attempt was made
        ended(job(5, JobState.CANCELLED), NOW - 50, 9.0),
        job(6, JobState.RUNNING),
    )
    record = TrackRecord(database, Clock())
    await record.start()
    metrics = record.of("demo")
    assert counts(metrics) == (3, 2, 1)
    assert metrics.success_rate == pytest.approx(2 / 3)
    assert metrics.mean_seconds == pytest.approx(5.0)  # a failure's 100 s are no generation's time
    assert metrics.last_day == metrics.last_week
    assert record.of("t2v-a14b").success_rate is None


async def test_a_generation_falls_out_of_the_day_then_the_week_and_stays_in_the_total(
    database: Database,
) -> None:
    clock = Clock()
    record = TrackRecord(database, clock)
    await record.start()
    assert record.ended(ended(failed(1), NOW, 1.0))
    assert record.ended(ended(completed(2), NOW + 60, 4.0))
    clock.now = NOW + DAY_S + 1
    assert counts(record.of("demo").last_day) == (1, 1, 0)
    clock.now = NOW + WEEK_S + 30
    assert counts(record.of("demo").last_day) == (0, 0, 0)
    assert counts(record.of("demo").last_week) == (1, 1, 0)
    clock.now = NOW + WEEK_S + 61
    assert counts(record.of("demo").last_week) == (0, 0, 0)
    assert record.of("demo").last_week.mean_seconds is None
    assert counts(record.of("demo")) == (2, 1, 1)


async def test_what_was_counted_is_the_same_after_a_restart_at_any_time(database: Database) -> None:
    clock = Clock()
    lived = TrackRecord(database, clock)
    await lived.start()
    for number in range(40):
        at = NOW + number * DAY_S / 3
        made = failed(number) if number % 4 == 0 else completed(number)
        each = ended(made, at, 1.0 + number)
        clock.now = at
        await keep(database, each)
        assert lived.ended(each)
        started = TrackRecord(database, clock)
        await started.start()
        assert started.of("demo") == lived.of("demo")
    assert counts(lived.of("demo")) == (40, 30, 10)
    assert counts(lived.of("demo").last_week) == (21, 16, 5)


async def test_an_ended_job_counts_once_however_often_it_is_written(database: Database) -> None:
    one = ended(completed(1), NOW, 2.0)
    kept = await database.run(lambda c: table.insert(c, one))
    await database.run(lambda c: table.update(c, kept.model_copy(update={"rev": 9})))
    record = TrackRecord(database, Clock())
    await record.start()
    assert counts(record.of("demo")) == (1, 1, 0)


async def test_jobs_of_an_earlier_schema_are_counted(tmp_path: Path) -> None:
    path, script = tmp_path / "wantui.db", _script("CREATE TABLE generations")
    jobs = (
        ended(completed(1), NOW - 5, 2.0, 3.0),
        ended(failed(2), NOW - 6, 1.0),
        ended(failed(3), NOW - 7),
        job(4, JobState.QUEUED),
    )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for earlier in migrations()[:script]:
            connection.executescript(earlier)
        connection.executemany(
            "INSERT INTO jobs (state, model, rev, created_at, document) VALUES (?, ?, 1, 1.0, ?)",
            [(each.state, each.model, json.dumps(each.model_dump(mode="json"))) for each in jobs],
        )
        connection.execute(f"PRAGMA user_version={script}")
        connection.commit()
    database = Database(path)
    await database.start()
    record = TrackRecord(database, Clock())
    await record.start()
    await database.stop()
    metrics = record.of("demo")
    assert counts(metrics) == (2, 1, 1)
    assert metrics.mean_seconds == pytest.approx(5.0)


def _script(beginning: str) -> int:
    """How many scripts come before the one that holds a line."""
    return next(number for number, script in enumerate(migrations()) if beginning in script)
