"""Whether jobs are handed out, how many there are, and what they wait for."""

from __future__ import annotations

from wantui.api.base import Reply
from wantui.api.estimate import Crowd
from wantui.api.job import Job, JobState, WaitsFor


class Lacking(Reply):
    """Queued jobs of this kind have no weights yet that they may load."""

    model: str
    fetch: bool
    unverified: bool

    @classmethod
    def like(cls, job: Job) -> Lacking:
        return cls(model=job.model, fetch=job.fetch, unverified=job.unverified)


class Queue(Reply):
    paused: bool
    counts: dict[JobState, int]
    waits_for: tuple[WaitsFor, ...] = ()
    """What keeps every queued job from running."""
    lacking: tuple[Lacking, ...] = ()
    turns: tuple[int, ...] = ()
    """Owners of jobs that were started, whoever's turn is next first; others go before them."""
    at: float = 0.0
    """When this was so, by the daemon's clock."""
    crowded: tuple[Crowd, ...] = ()
    """Queued jobs of these kinds wait for memory, and who holds it."""
    rev: int

    def reasons(self, job: Job) -> tuple[WaitsFor, ...]:
        """Why a job is not running: a job's own `waits_for`, as it was when the job was told."""
        if job.state is not JobState.QUEUED:
            return ()
        own = tuple(reason for reason, is_so in self._own_reasons(job).items() if is_so)
        return (*self.waits_for, *own) or (WaitsFor.DEVICE,)

    def _own_reasons(self, job: Job) -> dict[WaitsFor, bool]:
        return {
            WaitsFor.DEPENDENCY: bool(job.unmet),
            WaitsFor.TIME: job.start_at is not None and job.start_at > self.at,
            WaitsFor.WEIGHTS: Lacking.like(job) in self.lacking,
            WaitsFor.MEMORY: any(crowd.is_of(job) for crowd in self.crowded),
        }

    def explain(self, job: Job) -> Job:
        """With the reasons why it waits now."""
        reasons = self.reasons(job)
        return job if reasons == job.waits_for else job.model_copy(update={"waits_for": reasons})
