"""Which job runs next, and the order in which people see them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wantui.api.job import Job, JobState

_RANK = {JobState.RUNNING: 0, JobState.QUEUED: 1, JobState.HELD: 2}


def in_order(unfinished: Iterable[Job]) -> list[Job]:
    """Running jobs, then queued ones in the order they will run, then held ones."""
    return sorted(unfinished, key=lambda job: (_RANK[job.state], job.id))


def next_job(unfinished: Iterable[Job], ready: Callable[[Job], bool]) -> Job | None:
    """The oldest queued job that is `ready`: one that waits for something holds nobody up."""
    queued = (job for job in unfinished if job.state is JobState.QUEUED)
    return min(filter(ready, queued), key=lambda job: job.id, default=None)
