"""Jobs that ended while somebody looked elsewhere: said once for all that ended together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from wantui.text import one_line
from wantui.tui.tone import Said, Tone

if TYPE_CHECKING:
    from wantui.api.job import Job
    from wantui.tui.state import State

PROMPT_WIDTH = 60


class Endings:
    """Collected from state to state, until they are taken."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    def note(self, before: State, after: State, shown: Callable[[int], bool]) -> None:
        """Those that ended in between, but for those that the screen shows anyway."""
        if before.jobs is after.jobs:
            return
        for id, job in after.jobs.items():
            known = before.jobs.get(id)
            ended = known and not known.state.finished and job.state.finished
            if ended and not shown(id):
                self._jobs.append(job)

    def take(self) -> Said | None:
        """One sentence, and nothing again before the next one ends."""
        ended, self._jobs = self._jobs, []
        if not ended:
            return None
        tone = Tone.BAD if any(job.error for job in ended) else Tone.PLAIN
        if len(ended) == 1:
            job = ended[0]
            return f"job {job.id} {job.state}: {one_line(job.params.prompt, PROMPT_WIDTH)}", tone
        counts = Counter(job.state for job in ended)
        return "jobs: " + ", ".join(f"{count} {state}" for state, count in counts.items()), tone
