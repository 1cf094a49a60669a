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
    crowded: tuple[Crowd, ...] = ()
    """Queued jobs of these kinds wait for memory, and who holds it."""
    rev: int

    def reasons(self, job: Job) -> tuple[WaitsFor, ...]:
        """Why a job is not running: a job's own `waits_for`, as it was when the job was told."""
        if job.state is not JobState.QUEUED:
            return ()
        weights = (WaitsFor.WEIGHTS,) if Lacking.like(job) in self.lacking else ()
        is_crowded = any(crowd.is_of(job) for crowd in self.crowded)
        memory = (WaitsFor.MEMORY,) if is_crowded else ()
        return (*self.waits_for, *weights, *memory) or (WaitsFor.DEVICE,)

    def explain(self, job: Job) -> Job:
        """With the reasons why it waits now."""
        reasons = self.reasons(job)
        return job if reasons == job.waits_for else job.model_copy(update={"waits_for": reasons})
