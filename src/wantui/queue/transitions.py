"""The state machine of a job: pure functions from a job to what it becomes.

    queued <-> held          hold, release
    queued  -> running       claim
    running -> completed     complete
    running -> failed        fail
    running -> queued        retry after a crash, by another plan, interrupted, or put back
    running -> held          stopped on request, or suspect after too many interruptions
    running -> cancelled     stopped on request
    queued, held -> cancelled
    queued, held -> failed   refuse, or a job that it was to come after did not end well
    queued, held             moved, or a job that it comes after is completed

Every function raises WrongState if the job's state does not allow it.
"""

from __future__ import annotations

from collections.abc import Iterable

from wantui.api.error import ErrorBody
from wantui.api.job import Attempt, Job, JobState, JobWarning, Output, Progress, Stage, Timings
from wantui.api.plan import DType, Plan
from wantui.errors import DependencyFailed, WantuiError, WorkerCrashed, WrongState
from wantui.queue.places import Place

UNFINISHED = (JobState.QUEUED, JobState.HELD, JobState.RUNNING)


def cancel(job: Job, now: float) -> Job:
    """A waiting job is cancelled at once; a running one is marked, and its worker told."""
    _need(job, "cancelled", *UNFINISHED)
    if job.state is JobState.RUNNING:
        return _with(job, cancel_requested=True)
    return _with(job, state=JobState.CANCELLED, cancel_requested=True, finished_at=now)


def hold(job: Job) -> Job:
    """A waiting job is held at once; a running one is marked, and its worker told."""
    _need(job, "held", *UNFINISHED)
    if job.state is JobState.RUNNING:
        return _with(job, hold_requested=True)
    return _with(job, state=JobState.HELD)


def release(job: Job) -> Job:
    """Let a held job run; takes back the hold of one that is still running."""
    if job.state is JobState.RUNNING and job.hold_requested:
        return _with(job, hold_requested=False)
    _need(job, "released", JobState.HELD)
    return _with(job, state=JobState.QUEUED)


def claim(job: Job, plan: Plan, now: float) -> Job:
    """Begin an attempt."""
    _need(job, "started", JobState.QUEUED)
    attempt = Attempt(
        number=len(job.attempts) + 1,
        worker_pid=None,
        started_at=now,
        finished_at=None,
        error=None,
    )
    return _with(
        job,
        state=JobState.RUNNING,
        plan=plan,
        faithful=job.faithful and plan.decode_dtype is DType.FLOAT32,
        progress=Progress(stage=Stage.LOAD, step=0, of=0, fraction=0.0, eta_s=None),
        attempts=(*job.attempts, attempt),
        started_at=job.started_at or now,
    )


def started_worker(job: Job, pid: int) -> Job:
    """The attempt under way is carried out by this process."""
    return _with(job, attempts=_amend_attempt(job, worker_pid=pid))


def began(job: Job, step: int) -> Job:
    """The attempt under way goes on after `step` steps: what was kept is of use, or is not."""
    kept = step or None
    return _with(job, checkpoint_step=kept, attempts=_amend_attempt(job, from_step=step))


def checkpointed(job: Job, step: int) -> Job:
    """The attempt under way has kept this step."""
    return _with(job, checkpoint_step=step, attempts=_amend_attempt(job, checkpoint_step=step))


def complete(job: Job, output: Output, timings: Timings, now: float) -> Job:
    _need(job, "completed", JobState.RUNNING)
    return _with(
        job,
        state=JobState.COMPLETED,
        output=output,
        timings=timings,
        progress=None,
        checkpoint_step=None,
        cancel_requested=False,
        hold_requested=False,
        attempts=_close_attempt(job, now),
        finished_at=now,
    )


def fail(job: Job, error: WantuiError, now: float, *, max_crashes: int) -> Job:
    """End the attempt with an error; only a crash is worth another attempt.

    One that kept a further step first brought the job on: it does not count against it. A job that
    was to be cancelled is: the error stays with its attempt.
    """
    _need(job, "failed", JobState.RUNNING)
    attempts = _close_attempt(job, now, error=ErrorBody.of(error))
    crashes = sum(1 for attempt in _fruitless(attempts) if _crashed(attempt))
    base = _with(job, attempts=attempts, progress=None)
    again = isinstance(error, WorkerCrashed) and crashes < max_crashes
    if job.cancel_requested or again:
        return _settle(base, now)
    return _with(
        base,
        state=JobState.FAILED,
        error=ErrorBody.of(error),
        hold_requested=False,
        finished_at=now,
    )


def again(job: Job, error: WantuiError, warning: JobWarning, now: float) -> Job:
    """End the attempt with an error that the next plan does not have; `warning` says what it does
    otherwise. What was kept is gone on from.
    """
    _need(job, "run again", JobState.RUNNING)
    attempts = _close_attempt(job, now, error=ErrorBody.of(error))
    warnings = (*(one for one in job.warnings if one != warning), warning)
    return _settle(_with(job, attempts=attempts, warnings=warnings, progress=None), now)


def refuse(job: Job, error: WantuiError, now: float) -> Job:
    """Fail a job that can never start, without an attempt."""
    _need(job, "failed", JobState.QUEUED)
    return _with(job, state=JobState.FAILED, error=ErrorBody.of(error), finished_at=now)


def moved(job: Job, place: Place) -> Job:
    """Elsewhere in the queue."""
    _need(job, "moved", JobState.QUEUED, JobState.HELD)
    return _with(job, priority=place.priority, rank=place.rank)


def after(job: Job, ended_id: int, state: JobState | None, now: float) -> Job:
    """What becomes of a waiting job when one that it comes after has ended, or is gone."""
    _need(job, "decided", JobState.QUEUED, JobState.HELD)
    if state is JobState.COMPLETED:
        return _with(job, unmet=tuple(id for id in job.unmet if id != ended_id))
    error = DependencyFailed.of(ended_id, state or "removed")
    return _with(job, state=JobState.FAILED, error=ErrorBody.of(error), finished_at=now)


def stopped(job: Job, now: float) -> Job:
    """End the attempt without blame: cancelled or held if that was asked, else queued again."""
    _need(job, "stopped", JobState.RUNNING)
    attempts = _close_attempt(job, now, interrupted=True)
    return _settle(_with(job, attempts=attempts, progress=None), now)


def put_back(job: Job, now: float) -> Job:
    """Take a claim back that came to nothing: no attempt was made.

    A plan stays where there was one before: it says how what was kept has been made.
    """
    _need(job, "put back", JobState.RUNNING)
    *earlier, _ = job.attempts
    begun = {"plan": job.plan, "started_at": job.started_at} if earlier else {}
    before = {"plan": None, "started_at": None, **begun}
    return _settle(_with(job, attempts=tuple(earlier), progress=None, **before), now)


def interrupted(job: Job, now: float, *, max_interruptions: int) -> Job:
    """What a job becomes that was running when the daemon died.

    Held, once that has happened so often in a row without a further step that was kept.
    """
    _need(job, "interrupted", JobState.RUNNING)
    attempts = _close_attempt(job, now, interrupted=True, daemon_died=True)
    settled = _settle(_with(job, attempts=attempts, progress=None), now)
    in_a_row, fruitless = 0, _fruitless(settled.attempts)
    for attempt in reversed(settled.attempts):
        if not attempt.daemon_died or attempt not in fruitless:
            break
        in_a_row += 1
    if settled.state is not JobState.QUEUED or in_a_row < max_interruptions:
        return settled
    warning = JobWarning(
        code="suspect",
        message=f"held: the daemon died {in_a_row} times in a row while this job ran",
    )
    return _with(settled, state=JobState.HELD, warnings=(*settled.warnings, warning))


def _settle(job: Job, now: float) -> Job:
    """Where a job goes whose attempt ended without deciding it."""
    if job.cancel_requested:
        return _with(job, state=JobState.CANCELLED, hold_requested=False, finished_at=now)
    state = JobState.HELD if job.hold_requested else JobState.QUEUED
    return _with(job, state=state, hold_requested=False)


def _close_attempt(
    job: Job,
    now: float,
    *,
    error: ErrorBody | None = None,
    interrupted: bool = False,
    daemon_died: bool = False,
) -> tuple[Attempt, ...]:
    return _amend_attempt(
        job, finished_at=now, error=error, interrupted=interrupted, daemon_died=daemon_died
    )


def _amend_attempt(job: Job, **update: object) -> tuple[Attempt, ...]:
    *earlier, last = job.attempts
    return (*earlier, last.model_copy(update=update))


def _fruitless(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Those that kept no step beyond all that were kept before.

    A job may start over each time, as on two devices in turn that do not go on from each other's
    checkpoints: the same steps again are no progress.
    """
    furthest, found = 0, []
    for attempt in attempts:
        kept = attempt.checkpoint_step or 0
        if kept <= furthest:
            found.append(attempt)
        furthest = max(furthest, kept)
    return found


def _crashed(attempt: Attempt) -> bool:
    return attempt.error is not None and isinstance(attempt.error.to_error(), WorkerCrashed)


def _need(job: Job, verb: str, *states: JobState) -> None:
    if job.state not in states:
        raise WrongState(
            f"job {job.id} is {job.state}: it cannot be {verb}", hint=f"see: wantui job {job.id}"
        )


def _with(job: Job, **update: object) -> Job:
    return job.model_copy(update=update)
