"""Finding jobs among all there have been, newest first: SQL over what `job_words` keeps of each."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from wantui.api.job import Job, JobState
from wantui.queue.table import Row


@dataclass(frozen=True)
class Wanted:
    """What a job has to be like; None asks nothing."""

    state: JobState | None = None
    model: str | None = None
    label: str | None = None
    owner: int | None = None
    since: float | None = None
    """Created at that time or later."""
    text: str | None = None
    """Words that all stand in the prompt or the label, whatever their case."""

    def is_like(self, job: Job) -> bool:
        """Whether a job is wanted as it is now: the same question, to what is in memory."""
        words = words_of(job)
        return all(
            (
                self.state in (None, job.state),
                self.model in (None, job.model),
                self.label in (None, job.label),
                self.owner in (None, job.owner),
                self.since is None or job.created_at >= self.since,
                all(word in words for word in _words(self.text)),
            )
        )

    def _conditions(self) -> list[tuple[str, object]]:
        given = [
            ("jobs.state = ?", self.state),
            ("jobs.model = ?", self.model),
            ("jobs.created_at >= ?", self.since),
            ("job_words.label = ?", self.label),
            ("job_words.owner = ?", self.owner),
            *(("instr(job_words.words, ?) > 0", word) for word in _words(self.text)),
        ]
        return [(condition, value) for condition, value in given if value is not None]

    @property
    def _reads_words(self) -> bool:
        return any(value is not None for value in (self.label, self.owner, self.text))

    def query(self, before: int | None, limit: int) -> tuple[str, list[object]]:
        """SQL and its values. `job_words` is read first where it decides: it is small."""
        conditions = self._conditions()
        if before is not None:
            conditions.append(("jobs.id < ?", before))
        where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
        source = "job_words CROSS JOIN jobs USING (id)" if self._reads_words else "jobs"
        key = "job_words.id" if self._reads_words else "jobs.id"
        sql = (
            f"SELECT jobs.id, jobs.document FROM {source} "  # noqa: S608 - of the words above
            f"WHERE {where} ORDER BY {key} DESC LIMIT ?"
        )
        return sql, [*(value for _, value in conditions), limit]


def page(
    connection: sqlite3.Connection, wanted: Wanted, before: int | None, limit: int
) -> list[Row]:
    """Newest first; `before` is an id."""
    rows = connection.execute(*wanted.query(before, limit))
    return [Row(row["id"], row["document"]) for row in rows]


def add(connection: sqlite3.Connection, job: Job) -> None:
    """Have a new job found."""
    connection.execute(
        "INSERT INTO job_words (id, owner, label, words) VALUES (?, ?, ?, ?)",
        (job.id, job.owner, job.label, words_of(job)),
    )


def last_try(connection: sqlite3.Connection, job_id: int) -> int:
    """The latest try of a job, or of a try of it; itself without one. Reads every document."""
    while True:
        row = connection.execute(
            "SELECT max(id) AS id FROM jobs WHERE document ->> '$.retry_of' = ?", (job_id,)
        ).fetchone()
        if row["id"] is None:
            return job_id
        job_id = row["id"]


def words_of(job: Job) -> str:
    return f"{job.params.prompt}\n{job.label or ''}".casefold()


def _words(text: str | None) -> list[str]:
    return (text or "").casefold().split()
