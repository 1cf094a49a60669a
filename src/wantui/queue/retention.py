"""Which finished jobs are to go: by what someone asks, or by the rules of the settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wantui.api.cleaning import CleanRequest
from wantui.api.job import JobState
from wantui.settings import RetentionSettings


class Ended(NamedTuple):
    """A finished job, as far as that decides."""

    id: int
    state: JobState
    model: str
    label: str | None
    finished_at: float
    has_video: bool


@dataclass(frozen=True)
class Sized:
    """One with a video, and what its folder takes."""

    ended: Ended
    bytes: int


def ended(connection: sqlite3.Connection) -> list[Ended]:
    """All finished jobs, the oldest end first."""
    rows = connection.execute(
        "SELECT id, state, model, document ->> '$.label' AS label, "
        "document ->> '$.finished_at' AS finished_at, "
        "json_type(document, '$.output') = 'object' AS has_video "
        "FROM jobs WHERE state IN (?, ?, ?) ORDER BY finished_at, id",
        (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED),
    )
    return [
        Ended(
            row["id"],
            JobState(row["state"]),
            row["model"],
            row["label"],
            row["finished_at"] or 0.0,
            bool(row["has_video"]),
        )
        for row in rows
    ]


def asked_for(jobs: Iterable[Ended], request: CleanRequest, now: float) -> list[Ended]:
    """Those that a request means which names none; videos only if it says so."""
    latest = now - (request.older_s or 0.0)
    return [
        job
        for job in jobs
        if (request.videos or request.checkpoints or not job.has_video)
        and job.finished_at <= latest
        and request.label in (None, job.label)
        and request.model in (None, job.model)
    ]


def without_video(jobs: Iterable[Ended], rules: RetentionSettings, now: float) -> list[Ended]:
    """Failed and cancelled ones that the rules keep no longer."""
    if not rules.without_video_s:
        return []
    oldest = now - rules.without_video_s
    return [job for job in jobs if not job.has_video and job.finished_at < oldest]


def with_video(jobs: Sequence[Sized], rules: RetentionSettings, now: float) -> list[Ended]:
    """Those beyond an age, a number or a size of all, the newest kept first; no rule, none.

    A limit on bytes keeps a job only with all that are newer: no older small one in a large one's
    place.
    """
    newest_first = sorted(jobs, key=lambda job: (job.ended.finished_at, job.ended.id), reverse=True)
    oldest = now - rules.videos_s if rules.videos_s else float("-inf")
    kept, taken, gone = 0, 0, []
    for job in newest_first:
        taken += job.bytes
        over_size = bool(rules.videos_bytes) and taken > rules.videos_bytes
        over_count = bool(rules.videos) and kept >= rules.videos
        if over_size or over_count or job.ended.finished_at < oldest:
            gone.append(job.ended)
        else:
            kept += 1
    return gone
