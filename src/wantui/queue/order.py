"""The order in which jobs run, and in which people see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from wantui.api.job import Job, JobState

_RANK = {JobState.RUNNING: 0, JobState.QUEUED: 1, JobState.HELD: 2}


def in_order(unfinished: Iterable[Job]) -> list[Job]:
    """Running jobs, then queued ones in the order they will run, then held ones."""
    return sorted(unfinished, key=lambda job: (_RANK[job.state], job.id))


def to_run(unfinished: Iterable[Job]) -> list[Job]:
    """Queued jobs, the one to run first in front."""
    return in_order(job for job in unfinished if job.state is JobState.QUEUED)
