"""What runs now: two lines a job, the only ones that change while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from wantui.api.job import Job
from wantui.text import one_line
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.bar import bar
from wantui.tui.widgets.quiet import Quiet, joined
from wantui.tui.words import job_state, left, pace, stage

MOST = 4
"""Jobs that are drawn: one a device runs at a time."""


class Running(Vertical):
    DEFAULT_CSS = """
    Running { height: auto; padding: 0 1; }
    Running > Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Running > .-unused { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines = [(Quiet(), Quiet()) for _ in range(MOST)]
        self._jobs: Sequence[Job] = ()

    def compose(self) -> ComposeResult:
        for about, progress in self._lines:
            yield about
            yield progress

    def show(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        for index, (about, progress) in enumerate(self._lines):
            job = self._jobs[index] if index < len(self._jobs) else None
            about.set_class(job is None and index > 0, "-unused")
            progress.set_class(job is None and index > 0, "-unused")
            if job is not None:
                about.say(*joined(_about(job)))
                progress.say(*_progress(job, self.size.width - 2))
            elif index == 0:  # keeps its two lines: nothing below moves when a job starts
                about.say(("nothing runs", Tone.MUTED))
                progress.say()


def _about(job: Job) -> list[Said]:
    words, tone = job_state(job)
    device = f"on {job.plan.device_name}" if job.plan else ""
    return [
        (f"{words} {job.id}", tone),
        (f"{job.model} {device}", Tone.PLAIN),
        (one_line(job.params.prompt, 200), Tone.MUTED),
    ]


def _progress(job: Job, width: int) -> list[Said]:
    """The bar takes what the words leave; they keep their columns while the job runs."""
    fraction = job.progress.fraction if job.progress else 0.0
    before = f"  {stage(job.progress):<15} {pace(job.progress):>11}  "
    after = f" {fraction:4.0%}  {left(job.progress):<14}"
    room = max(width - len(before) - len(after), 4)
    return [
        (before, Tone.PLAIN),
        (bar(fraction, room), Tone.BUSY),
        (after, Tone.PLAIN),
    ]
