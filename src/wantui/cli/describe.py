"""A job in words: one row of a table, or all that is known of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from wantui.api.job import Job, JobState
from wantui.cli.table import Cell, Colour, Column, table
from wantui.cli.terminal import colours_wanted, columns, show
from wantui.client import facts, words
from wantui.text import bytes_text, duration_text, one_line

_COLOURS: dict[JobState, Colour] = {
    JobState.HELD: Colour.YELLOW,
    JobState.RUNNING: Colour.CYAN,
    JobState.COMPLETED: Colour.GREEN,
    JobState.FAILED: Colour.RED,
    JobState.CANCELLED: Colour.DIM,
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


def show_facts(known: Sequence[tuple[str, str | Cell]]) -> None:
    """Names and values in two columns, without a head, on standard out; no value is cut."""
    heads = (Column("".ljust(LABEL_WIDTH)), Column("", flexible=True))
    rows = [row for name, value in known for row in _lines(name, value)]
    show(table(heads, rows, width=None, colours=colours_wanted())[1:])


def _lines(name: str, value: str | Cell) -> Iterator[tuple[str, str | Cell]]:
    """A value of several lines under its name."""
    text, colour = (value.text, value.colour) if isinstance(value, Cell) else (value, None)
    for number, line in enumerate(text.splitlines() or [""]):
        yield ("" if number else name), Cell(line, colour)


def state_cell(job: Job) -> Cell:
    return Cell(f"{words.GLYPHS[job.state]} {state_words(job)}", _COLOURS.get(job.state))


def state_words(job: Job) -> str:
    """The state, and why a queued job does not run yet."""
    state = words.state(job)
    if job.state is JobState.QUEUED and not job.cancel_requested and job.waits_for:
        return f"{state}: {words.waiting(job)}"
    return state


def job_facts(job: Job) -> Iterator[tuple[str, str | Cell]]:
    """All that is known of one job, for people."""
    yield "job", str(job.id)
    if job.owner != os.getuid():
        yield "owner", f"uid {job.owner}"
    yield "state", state_cell(job)
    if job.error:
        yield "error", Cell(job.error.message, Colour.RED)
        yield "hint", job.error.hint
    if job.progress and not job.state.finished:
        yield "progress", _going(job)
    yield from facts.asked_for(job)
    yield from (("warning", warning.message) for warning in job.warnings)
    yield from facts.ran(job)
    if job.output:
        yield "output", job.output.path
        yield "", f"{words.size(job.output)}, {bytes_text(job.output.bytes)}"
        yield "sha256", job.output.sha256
        if job.output.frames_folder:
            yield "frames", job.output.frames_folder


def _going(job: Job) -> str:
    """How far a running job is, or how long a finished one took."""
    if job.state is JobState.RUNNING and job.progress:
        return f"{words.stage(job.progress)}, {job.progress.fraction:.0%}"
    if job.state is JobState.COMPLETED and (seconds := words.took_s(job)) is not None:
        return duration_text(seconds)
    return one_line(job.error.code) if job.error else ""
