"""Another try of a job that has ended: what it asked for, but for what is to be other now."""

from __future__ import annotations

from wantui.api.asked import fields_of, overridden
from wantui.api.batch import RetryRequest
from wantui.api.job import Job, JobRequest
from wantui.daemon.intake import Intake
from wantui.errors import WrongState
from wantui.queue.batch import Submission
from wantui.queue.jobs import Jobs

TERMS = ("priority", "label", "fetch", "unverified", "allow_degrade")
"""What it asked of the queue, and of its weights, that another try asks as well."""


class Retries:
    def __init__(self, intake: Intake, jobs: Jobs) -> None:
        self._intake = intake
        self._jobs = jobs

    async def retry(
        self,
        job_id: int,
        changes: RetryRequest,
        owner: int,
        submission: Submission | None = None,
    ) -> Job:
        """A new job that names the old one, and goes on from its checkpoint where that is of use.

        Raises WrongState for a job that has not ended, UnknownJob, and what an intake does.
        """
        if submission and (known := await self._jobs.sent_before(submission)) is not None:
            return known[0]
        old = await self._jobs.get(job_id)
        if not old.state.finished:
            raise WrongState(
                f"job {job_id} is {old.state}: only what has ended is tried again",
                hint=f"run: wantui cancel {job_id}, or wait for it",
            )
        draft = await self._intake.draft(await self._request(old, changes), owner)
        draft = draft.model_copy(update={"retry_of": old.id})
        if old.checkpoint_step and _makes_the_same(old, draft):
            # The plan says which arithmetic: blocks that ran compiled go on compiled.
            kept = {"checkpoint_step": old.checkpoint_step, "plan": old.plan}
            draft = draft.model_copy(update=kept)
        return (await self._intake.keep([draft], submission))[0]

    async def _request(self, old: Job, changes: RetryRequest) -> JobRequest:
        made = fields_of(old.model, old.quality, old.params, old.encoding)
        made |= {name: getattr(old, name) for name in TERMS}
        made["after"] = [await self._jobs.last_try(job_id) for job_id in old.after]
        fields = overridden(made, changes.model_dump(exclude_unset=True))
        return JobRequest.model_validate({k: v for k, v in fields.items() if v is not None})


def _makes_the_same(old: Job, new: Job) -> bool:
    """Whether both have the same latents; the worker, who knows of more, has the last word."""
    same_rate = new.params.model_copy(update={"fps": old.params.fps})
    return (old.model, old.quality, old.params) == (new.model, new.quality, same_rate)
