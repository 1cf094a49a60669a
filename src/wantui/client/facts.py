"""What is known of a job, as names and values for every client. Foreign text comes out raw."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.job import Job
from wantui.client import words

Fact = tuple[str, str]


def asked_for(job: Job) -> Iterator[Fact]:
    """The request, with every value resolved."""
    params = job.params
    yield "prompt", params.prompt
    if params.negative_prompt:
        yield "negative", params.negative_prompt
    yield "model", f"{job.model}, {job.quality}"
    yield "size", words.size(params)
    yield "steps", words.steps(params)
    yield "guidance", words.guidance(params)
    yield "seed", str(params.seed)
    if job.encoding:
        yield "video", words.encoding(job.encoding)
    if params.image:
        yield "image", words.image(params.image)


def ran(job: Job) -> Iterator[Fact]:
    """Where, when, and how long every stage took."""
    if job.plan:
        yield "device", f"{job.plan.device_name}: {job.plan.reason}"
    yield "created", words.clock(job.created_at)
    if job.started_at is not None:
        yield "started", words.clock(job.started_at)
    if job.finished_at is not None:
        yield "finished", words.clock(job.finished_at)
    if len(job.attempts) > 1:
        yield "attempts", words.attempts(job)
    if job.checkpoint_step is not None:
        yield "kept", f"{job.checkpoint_step} of {job.params.steps} steps"
    if job.timings:
        yield "timings", words.timings(job.timings)
