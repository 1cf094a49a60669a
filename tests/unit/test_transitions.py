"""What an attempt that was cut short costs a job: nothing, as long as it brought the job on."""

from __future__ import annotations

import pytest

from tests.made import job as made_job
from tests.made import plan
from wantui.api.job import Job, JobState
from wantui.errors import GenerationFailed, WorkerCrashed
from wantui.queue import transitions


def _running(job: Job, kept: int | None) -> Job:
    job = transitions.claim(job, plan(), 1.0)
    job = transitions.began(job, job.checkpoint_step or 0)
    return job if kept is None else transitions.checkpointed(job, kept)


def _crashed(job: Job, kept: int | None) -> Job:
    crash = WorkerCrashed("the worker died")
    return transitions.fail(_running(job, kept), crash, 2.0, max_crashes=2)


def _started_over(job: Job) -> Job:
    """As one whose checkpoint is of no use where it runs next."""
    return job.model_copy(update={"checkpoint_step": None})


def _daemon_died(job: Job, kept: int | None) -> Job:
    return transitions.interrupted(_running(job, kept), 2.0, max_interruptions=2)


def test_a_crash_after_a_kept_step_does_not_count() -> None:
    job = made_job()
    for step in (3, 5, 8, 13):
        job = _crashed(job, step)
        assert job.state is JobState.QUEUED
        assert job.checkpoint_step == step
    assert [attempt.from_step for attempt in job.attempts] == [0, 3, 5, 8]
    job = _crashed(job, None)
    assert job.state is JobState.QUEUED
    assert _crashed(job, None).state is JobState.FAILED


def test_daemon_deaths_in_a_row_count_only_without_a_kept_step() -> None:
    job = made_job()
    for step in (3, 5, 8):
        job = _daemon_died(job, step)
        assert job.state is JobState.QUEUED
    job = _daemon_died(job, None)
    assert job.state is JobState.QUEUED
    assert _daemon_died(job, None).state is JobState.HELD


def test_the_same_steps_again_are_no_progress() -> None:
    """Two devices in turn, each of which starts over and dies after the same step."""
    crashing = _started_over(_crashed(made_job(), 4))
    crashing = _started_over(_crashed(crashing, 4))
    assert crashing.state is JobState.QUEUED
    assert _crashed(crashing, 4).state is JobState.FAILED
    dying = _started_over(_daemon_died(made_job(), 4))
    dying = _started_over(_daemon_died(dying, 4))
    assert dying.state is JobState.QUEUED
    assert _daemon_died(dying, 3).state is JobState.HELD


def test_an_attempt_that_starts_over_forgets_what_was_kept() -> None:
    job = _daemon_died(made_job(), 4)
    job = transitions.began(transitions.claim(job, plan(), 3.0), 0)
    assert job.checkpoint_step is None


@pytest.mark.parametrize("kept", [None, 4])
def test_a_failure_that_is_no_crash_ends_the_job_and_keeps_the_step(kept: int | None) -> None:
    failed = transitions.fail(
        _running(made_job(), kept), GenerationFailed("no"), 2.0, max_crashes=2
    )
    assert failed.state is JobState.FAILED
    assert failed.checkpoint_step == kept
