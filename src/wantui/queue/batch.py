"""What is accepted together: all of it in one transaction, and once, however often it is sent."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from wantui.api.job import Job
from wantui.errors import KeyReused
from wantui.queue import history, table

KEPT_S = 2 * 24 * 3600
"""How long a submission is known by its key: a day is promised."""


@dataclass(frozen=True)
class Submission:
    """What a client sent under a key of its own, which it sends again if it hears no answer."""

    owner: int
    key: str
    digest: str
    """Of the request, so that another one under the same key is noticed."""


@dataclass(frozen=True)
class Accepted:
    ids: tuple[int, ...]
    new: tuple[Job, ...]
    """Those that were kept just now: none if the submission was known."""


def keep(
    connection: sqlite3.Connection, drafts: Sequence[Job], submission: Submission | None
) -> Accepted:
    """Give jobs their ids and keep them, unless this was sent before. Raises KeyReused."""
    if submission is not None and (known := find(connection, submission)) is not None:
        return Accepted(known, ())
    jobs = _insert(connection, drafts)
    ids = tuple(job.id for job in jobs)
    if submission is not None:
        _remember(connection, submission, ids)
    return Accepted(ids, tuple(jobs))


def find(connection: sqlite3.Connection, submission: Submission) -> tuple[int, ...] | None:
    """The jobs that it became when it was sent before. Raises KeyReused for another request."""
    row = connection.execute(
        "SELECT digest, jobs FROM submissions WHERE owner = ? AND key = ?",
        (submission.owner, submission.key),
    ).fetchone()
    if row is None:
        return None
    if row["digest"] != submission.digest:
        raise KeyReused("another request was sent with this Idempotency-Key")
    return tuple(json.loads(row["jobs"]))


def _insert(connection: sqlite3.Connection, drafts: Sequence[Job]) -> list[Job]:
    """With the first one's id as their batch's, if they are several."""
    jobs: list[Job] = []
    for draft in drafts:
        batch = jobs[0].id if jobs else None
        jobs.append(table.insert(connection, draft.model_copy(update={"batch": batch})))
    if len(jobs) > 1:
        jobs[0] = jobs[0].model_copy(update={"batch": jobs[0].id})
        table.update(connection, jobs[0])
    for job in jobs:
        history.add(connection, job)
    return jobs


def _remember(connection: sqlite3.Connection, submission: Submission, ids: tuple[int, ...]) -> None:
    now = time.time()
    connection.execute("DELETE FROM submissions WHERE created_at < ?", (now - KEPT_S,))
    connection.execute(
        "INSERT INTO submissions (owner, key, digest, jobs, created_at) VALUES (?, ?, ?, ?, ?)",
        (submission.owner, submission.key, submission.digest, json.dumps(ids), now),
    )
