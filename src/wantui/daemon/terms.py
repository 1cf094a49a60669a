"""What a request asks of the queue: checked, and as the job has it."""

from __future__ import annotations

import contextlib
from typing import Any

from wantui.api.job import MAX_LABEL_CHARACTERS, MAX_PRIORITY, Job, JobState, Wishes
from wantui.errors import DependencyFailed, InvalidRequest, UnknownJob
from wantui.queue.jobs import Jobs
from wantui.text import one_line


async def terms(wishes: Wishes, jobs: Jobs) -> dict[str, Any]:
    """Fields of a job. Raises InvalidRequest or DependencyFailed."""
    after = tuple(dict.fromkeys(wishes.after))
    return {
        "priority": check_priority(wishes.priority),
        "label": _label(wishes.label),
        "start_at": wishes.start_at,
        "after": after,
        "unmet": tuple([job_id for job_id in after if not await _is_met(job_id, jobs)]),
    }


def check_priority(priority: int) -> int:
    """Raises InvalidRequest."""
    if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidRequest.for_field(
            "priority",
            f"{priority} is out of range",
            allowed=f"{-MAX_PRIORITY} to {MAX_PRIORITY}",
            nearest=min(max(priority, -MAX_PRIORITY), MAX_PRIORITY),
        )
    return priority


def _label(label: str | None) -> str | None:
    if label is None:
        return None
    if not label or len(label) > MAX_LABEL_CHARACTERS or label != one_line(label):
        raise InvalidRequest.for_field(
            "label",
            f"cannot be {one_line(label, 2 * MAX_LABEL_CHARACTERS)!r}",
            allowed=f"1 to {MAX_LABEL_CHARACTERS} characters on one line, without edges of spaces",
        )
    return label


async def _is_met(job_id: int, jobs: Jobs) -> bool:
    """Whether a job that is to come first is completed already."""
    job: Job | None = None
    if 0 < job_id < 2**63:
        with contextlib.suppress(UnknownJob):
            job = await jobs.get(job_id)
    if job is None:
        raise InvalidRequest.for_field(
            "after", f"there is no job {job_id}", allowed="jobs of: wantui queue --all"
        )
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        raise DependencyFailed.of(job.id, job.state)
    return job.state is JobState.COMPLETED
