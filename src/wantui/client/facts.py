"""What is known of a job, as names and values for every client. Foreign text comes out raw."""

from __future__ import annotations

from collections.abc import Iterator

from wantui.api.history import History
from wantui.api.job import Job
from wantui.client import costs, words
from wantui.text import duration_text

Fact = tuple[str, str]


def happened(history: History) -> Iterator[Fact]:
    """Every entry with the time since the one before it."""
    before = None
    for entry in history.entries:
        since = f"(+{duration_text(max(entry.at - before, 0.0))}) " if before is not None else ""
        attempt = f", attempt {entry.attempt}" if entry.attempt is not None else ""
        note = f": {entry.note}" if entry.note else ""
        label = "" if before is not None else "history"
        yield label, f"{words.clock(entry.at)} {since}{entry.what}{attempt}{note}"
        before = entry.at


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
    yield from _asked_of_the_queue(job)
    if job.encoding:
        yield "video", words.encoding(job.encoding)
    if params.image:
        yield "image", words.image(params.image)


def _asked_of_the_queue(job: Job) -> Iterator[Fact]:
    if job.label:
        yield "label", job.label
    if job.priority:
        yield "priority", str(job.priority)
    if job.after:
        yield "after", ", ".join(map(str, job.after))
    if job.start_at is not None:
        yield "starts", words.clock(job.start_at)
    if job.batch is not None:
        yield "batch", f"of job {job.batch}"
    if job.retry_of is not None:
        yield "retry of", str(job.retry_of)


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
