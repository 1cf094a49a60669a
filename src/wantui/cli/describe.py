"""A job in words: one row of a table, or all that is known of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from wantui.api.job import Job, JobState, Output, Params
from wantui.api.model import Defaults
from wantui.cli.table import Cell, Colour, Column, table
from wantui.cli.terminal import colours_wanted, columns, show
from wantui.text import bytes_text, duration_text, one_line

_STATES: dict[JobState, tuple[str, Colour | None]] = {
    JobState.QUEUED: ("○", None),
    JobState.HELD: ("‖", Colour.YELLOW),
    JobState.RUNNING: ("▶", Colour.CYAN),
    JobState.COMPLETED: ("✓", Colour.GREEN),
    JobState.FAILED: ("✗", Colour.RED),
    JobState.CANCELLED: ("–", Colour.DIM),
}
_JOB_COLUMNS = (
    Column("ID", right=True),
    Column("STATE"),
    Column("MODEL"),
    Column("PROGRESS"),
    Column("PROMPT", flexible=True),
)
LABEL_WIDTH = 12


def show_jobs(jobs: Sequence[Job]) -> None:
    """A table of jobs on standard out."""
    rows = [
        (str(job.id), state_cell(job), job.model, _going(job), job.params.prompt) for job in jobs
    ]
    show(table(_JOB_COLUMNS, rows, width=columns(), colours=colours_wanted()))


def show_facts(facts: Sequence[tuple[str, str | Cell]]) -> None:
    """Names and values in two columns, without a head, on standard out."""
    heads = (Column("".ljust(LABEL_WIDTH)), Column("", flexible=True))
    show(table(heads, facts, width=columns(), colours=colours_wanted())[1:])


def state_cell(job: Job) -> Cell:
    glyph, colour = _STATES[job.state]
    return Cell(f"{glyph} {state_words(job)}", colour)


def state_words(job: Job) -> str:
    """The state, and what a queued job waits for."""
    if job.cancel_requested and not job.state.finished:
        return "cancelling"
    if job.state is JobState.QUEUED and job.waits_for:
        return f"queued, waits for {', '.join(job.waits_for)}"
    return job.state.value


def size_words(shape: Defaults | Params | Output) -> str:
    """128x128, 17 frames at 8 fps."""
    return f"{shape.width}x{shape.height}, {shape.frames} frames at {shape.fps} fps"


def took_s(job: Job) -> float | None:
    """Wall seconds from a job's first start to its end."""
    if job.started_at is None or job.finished_at is None:
        return None
    return max(job.finished_at - job.started_at, 0.0)


def clock(seconds: float) -> str:
    """A time since the epoch as the local clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def job_facts(job: Job) -> Iterator[tuple[str, str | Cell]]:
    """All that is known of one job, for people."""
    yield "job", str(job.id)
    yield "state", state_cell(job)
    if job.error:
        yield "error", Cell(job.error.message, Colour.RED)
        yield "hint", job.error.hint
    if job.progress and not job.state.finished:
        yield "progress", _going(job)
    yield from _request_facts(job)
    yield from (("warning", warning.message) for warning in job.warnings)
    yield from _run_facts(job)
    if job.output:
        yield "output", job.output.path
        yield "", f"{size_words(job.output)}, {bytes_text(job.output.bytes)}"
        yield "sha256", job.output.sha256


def _request_facts(job: Job) -> Iterator[tuple[str, str | Cell]]:
    params = job.params
    guidance = f"{params.guidance:g}"
    if params.guidance_low is not None:
        guidance += f", {params.guidance_low:g} (low noise)"
    yield "prompt", params.prompt
    if params.negative_prompt:
        yield "negative", params.negative_prompt
    yield "model", f"{job.model}, {job.quality}"
    yield "size", size_words(params)
    yield "steps", f"{params.steps} ({params.sampler}, shift {params.shift:g})"
    yield "guidance", guidance
    yield "seed", str(params.seed)
    if params.image:
        image = params.image
        yield "image", f"{image.format}, {image.width}x{image.height}, sha256 {image.sha256}"


def _run_facts(job: Job) -> Iterator[tuple[str, str | Cell]]:
    if job.plan:
        yield "device", f"{job.plan.device_name}: {job.plan.reason}"
    yield "created", clock(job.created_at)
    if job.started_at is not None:
        yield "started", clock(job.started_at)
    if job.finished_at is not None:
        yield "finished", clock(job.finished_at)
    if len(job.attempts) > 1:
        yield "attempts", str(len(job.attempts))
    if job.timings:
        stages = job.timings.model_dump()
        parts = (f"{name[:-2]} {duration_text(seconds)}" for name, seconds in stages.items())
        yield "timings", ", ".join(parts)


def _going(job: Job) -> str:
    """How far a running job is, or how long a finished one took."""
    if job.state is JobState.RUNNING and job.progress:
        progress = job.progress
        step = f" {progress.step}/{progress.of}" if progress.of else ""
        return f"{progress.stage}{step}, {progress.fraction:.0%}"
    if job.state is JobState.COMPLETED and (seconds := took_s(job)) is not None:
        return duration_text(seconds)
    return one_line(job.error.code) if job.error else ""
