"""The `job_history` table: what a change of a job means, kept in the same commit as the change."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator

from wantui.api.history import Happened, HistoryEntry
from wantui.api.job import Attempt, Job, JobState

_ENDED = {
    JobState.COMPLETED: Happened.COMPLETED,
    JobState.FAILED: Happened.FAILED,
    JobState.CANCELLED: Happened.CANCELLED,
}


def record(connection: sqlite3.Connection, before: Job | None, after: Job) -> None:
    """Keep what has happened to a job; `before` is None for a new one."""
    now = time.time()
    if before is not None and len(after.attempts) < len(before.attempts):
        # The claim is taken back. A device that starts no worker would fill the table otherwise.
        connection.execute(
            "DELETE FROM job_history WHERE job = ? AND attempt = ?",
            (after.id, len(before.attempts)),
        )
        return
    connection.executemany(
        "INSERT INTO job_history (job, at, what, attempt, note) VALUES (?, ?, ?, ?, ?)",
        [
            (after.id, entry.at, entry.what, entry.attempt, entry.note)
            for entry in changes(before, after, now)
        ],
    )


def of(connection: sqlite3.Connection, job_id: int) -> tuple[HistoryEntry, ...]:
    """In the order that it happened."""
    rows = connection.execute(
        "SELECT at, what, attempt, note FROM job_history WHERE job = ? ORDER BY id", (job_id,)
    )
    return tuple(
        HistoryEntry(
            at=row["at"], what=Happened(row["what"]), attempt=row["attempt"], note=row["note"]
        )
        for row in rows
    )


def changes(before: Job | None, after: Job, now: float) -> Iterator[HistoryEntry]:
    """What happened between two looks at a job."""
    if before is None:
        yield HistoryEntry(at=after.created_at, what=Happened.ACCEPTED)
        if after.state is JobState.HELD:
            yield HistoryEntry(at=after.created_at, what=Happened.HELD)
        return
    running = before.state is after.state is JobState.RUNNING
    if running and after.cancel_requested and not before.cancel_requested:
        yield HistoryEntry(at=now, what=Happened.CANCEL_ASKED)
    if running and after.hold_requested != before.hold_requested:
        asked = Happened.HOLD_ASKED if after.hold_requested else Happened.RELEASED
        yield HistoryEntry(at=now, what=asked)
    if running and after.attempts and after.attempts[-1].from_step > before.attempts[-1].from_step:
        step, number = after.attempts[-1].from_step, after.attempts[-1].number
        yield HistoryEntry(at=now, what=Happened.RESUMED, attempt=number, note=f"after step {step}")
    again = running and len(after.attempts) > len(before.attempts)
    if again or before.state is not after.state:  # the end of the last one found no room on disk
        yield _state(before, after, now)


def _state(before: Job, after: Job, now: float) -> HistoryEntry:
    ran = before.state is JobState.RUNNING
    attempt = after.attempts[-1] if ran and after.attempts else None
    number = attempt.number if attempt else None
    match after.state:
        case JobState.RUNNING:
            started = after.attempts[-1]
            where = after.plan.device_name if after.plan else None
            return HistoryEntry(
                at=started.started_at, what=Happened.STARTED, attempt=started.number, note=where
            )
        case JobState.QUEUED if not ran:
            return HistoryEntry(at=now, what=Happened.RELEASED)
        case JobState.QUEUED:
            return HistoryEntry(at=now, what=Happened.QUEUED, attempt=number, note=_why(attempt))
        case JobState.HELD:
            return HistoryEntry(at=now, what=Happened.HELD, attempt=number, note=_why(attempt))
        case ended:
            at = after.finished_at or now
            note = f"{after.error.code}: {after.error.message}" if after.error else None
            return HistoryEntry(at=at, what=_ENDED[ended], attempt=number, note=note)


def _why(attempt: Attempt | None) -> str | None:
    """What ended an attempt that decided nothing."""
    if attempt is None:
        return None
    if attempt.error is not None:
        return f"{attempt.error.code}: {attempt.error.message}"
    return "the daemon died" if attempt.daemon_died else "interrupted"
