"""What is known of a job, as names and values for every client. Foreign text comes out raw."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.job import Job
from wantui.client import costs, words

Fact = tuple[str, str]


def asked_for(job: Job) -> Iterator[Fact]:
    """The request, with every value resolved."""
    params = job.params
    yield "prompt", params.prompt
    if params.negative_prompt:
        yield "negative", params.negative_prompt
    yield "model", f"{job.model}, {words.quality_of(job)}"
    yield "size", words.size(params)
    yield "steps", words.steps(params)
    yield "guidance", words.guidance(params)
    yield "seed", str(params.seed)
    for lora in params.loras:
        yield "LoRA", words.lora(lora)
    if job.encoding:
        yield "video", words.encoding(job.encoding)
    if params.image:
        yield "image", words.image(params.image)


def ran(job: Job) -> Iterator[Fact]:
    """Where, when, and how long every stage took."""
    if job.plan:
        yield "device", f"{job.plan.device_name}: {job.plan.reason}"
        asked, ran_by = (costs.way(plan) for plan in (job.asked_plan or job.plan, job.plan))
        yield "loaded", ran_by if asked == ran_by else f"{ran_by} (accepted as: {asked})"
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
