"""What a change of a job is called, by what the job was before and is after."""

from __future__ import annotations

from wantui.api.job import Attempt, Job, JobState

ACCEPT = "accept"
_BY_STATES = {
    (JobState.QUEUED, JobState.HELD): "hold",
    (JobState.HELD, JobState.QUEUED): "release",
    (JobState.QUEUED, JobState.RUNNING): "claim",
    (JobState.RUNNING, JobState.COMPLETED): "complete",
    (JobState.RUNNING, JobState.FAILED): "fail",
    (JobState.QUEUED, JobState.FAILED): "refuse",
    (JobState.RUNNING, JobState.QUEUED): "requeue",
    (JobState.RUNNING, JobState.HELD): "yield",
    (JobState.RUNNING, JobState.CANCELLED): "stopped",
    (JobState.QUEUED, JobState.CANCELLED): "cancel",
    (JobState.HELD, JobState.CANCELLED): "cancel",
}
NAMES = (
    *(
        ACCEPT,
        "ask_to_cancel",
        "ask_to_hold",
        "start_worker",
        "begin",
        "checkpoint",
        "move",
        "other",
    ),
    *dict.fromkeys(_BY_STATES.values()),
)
"""All of them."""


def name_of(before: Job, after: Job) -> str:
    if before.state is not after.state:
        return _BY_STATES.get((before.state, after.state), "other")
    if after.cancel_requested and not before.cancel_requested:
        return "ask_to_cancel"
    if after.hold_requested and not before.hold_requested:
        return "ask_to_hold"
    if (before.priority, before.rank) != (after.priority, after.rank):
        return "move"
    if before.attempts and after.attempts:
        return _within_attempt(before.attempts[-1], after.attempts[-1])
    return "other"


def _within_attempt(before: Attempt, after: Attempt) -> str:
    if before.worker_pid != after.worker_pid:
        return "start_worker"
    if before.checkpoint_step != after.checkpoint_step:
        return "checkpoint"
    return "begin" if before.from_step != after.from_step else "other"
