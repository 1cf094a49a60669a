"""What can be done to jobs: to one, or to all that are marked, and what is said of it.

Pure, but for what a verb asks of the daemon. Prompts come out raw: widgets clean them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from wantui.api.batch import RetryRequest
from wantui.api.cleaning import Cleaning
from wantui.api.job import MAX_PRIORITY, Job, JobState
from wantui.api.move import End, Move
from wantui.client import Client, words
from wantui.text import bytes_text, one_line
from wantui.tui.keys import Keys
from wantui.tui.tone import Said, Tone
from wantui.tui.words import job_state

QUOTED = 100
"""Characters of a prompt in a question."""


class Ask(Protocol):
    """What a verb asks of the daemon for one job."""

    def __call__(self, client: Client, job: Job) -> Awaitable[Job]: ...


@dataclass(frozen=True)
class JobVerb:
    word: str
    """hold: as in `no job to hold`."""
    done: str
    """held: as in `3 jobs held`."""
    ask: Ask
    refusal: Callable[[Job], str]
    """Why it can do nothing to a job; empty where it can."""
    told: Callable[[Job, Job], str]
    """Of a single job, before and after."""
    after: tuple[tuple[str, str], ...] = ()
    """What can be done next: an action's id, and what it does."""
    keeps_marks: bool = False
    """It is likely to be done to the same ones again."""


@dataclass
class Outcome:
    """How a verb has gone, job by job."""

    verb: JobVerb
    done: list[tuple[Job, Job]] = field(default_factory=list)
    """Before and after."""
    refused: list[str] = field(default_factory=list)
    """Why not, of each of the others."""

    def said(self, keys: Keys) -> Said:
        """One line, whatever their number."""
        if not self.done:
            return self._nothing(), Tone.WARN
        if len(self.done) == 1 and not self.refused:
            told = self.verb.told(*self.done[0])
        else:
            told = f"{_count(len(self.done))} {self.verb.done}"
        if self.refused:
            told += f"; {len(self.refused)} not: {self.refused[0]}"
        told += "".join(f"; {keys.named(id)} {does}" for id, does in self.verb.after)
        return told, Tone.WARN if self.refused else Tone.PLAIN

    def _nothing(self) -> str:
        if not self.refused:
            return f"no job to {self.verb.word}"
        more = f", and {len(self.refused) - 1} more" if len(self.refused) > 1 else ""
        return f"{self.refused[0]}{more}"


def begun(verb: JobVerb, jobs: Iterable[Job]) -> tuple[Outcome, list[Job]]:
    """What a verb is not even asked for, and those that it is for."""
    outcome, able = Outcome(verb), []
    for job in jobs:
        if refusal := verb.refusal(job):
            outcome.refused.append(refusal)
        else:
            able.append(job)
    return outcome, able


# --- the verbs ---


def _over(verb: str) -> Callable[[Job], str]:
    return lambda job: (
        f"job {job.id} is {job.state}: nothing to {verb}" if job.state.finished else ""
    )


def _no_cancel(job: Job) -> str:
    asked = f"job {job.id} is being cancelled already" if job.cancel_requested else ""
    return _over("cancel")(job) or asked


def _no_hold(job: Job) -> str:
    held = job.state is JobState.HELD or job.hold_requested
    return _over("hold")(job) or (f"job {job.id} is held already" if held else "")


def _no_release(job: Job) -> str:
    held = job.state is JobState.HELD or job.hold_requested
    return _over("release")(job) or ("" if held else f"job {job.id} is {job.state}, not held")


def _no_move(job: Job) -> str:
    runs = f"job {job.id} runs already" if job.state is JobState.RUNNING else ""
    return _over("move")(job) or runs


def _no_retry(job: Job) -> str:
    return "" if job.state.finished else "only a job that has ended is sent again"


def no_removal(job: Job) -> str:
    """Why a job is not removed."""
    return "" if job.state.finished else f"job {job.id} is {job.state}: cancel it first"


def _state_told(_: Job, now: Job) -> str:
    return f"job {now.id}: {job_state(now)[0]}"


CANCEL = JobVerb(
    "cancel",
    "cancelled",
    lambda client, job: client.cancel(job.id),
    _no_cancel,
    _state_told,
)
HOLD = JobVerb(
    "hold",
    "held",
    lambda client, job: client.hold(job.id),
    _no_hold,
    _state_told,
    (("queue.release", "releases"),),
)
RELEASE = JobVerb(
    "release",
    "released",
    lambda client, job: client.release(job.id),
    _no_release,
    _state_told,
)
RETRY = JobVerb(
    "send again",
    "sent again",
    lambda client, job: client.retry(job.id, RetryRequest()),
    _no_retry,
    lambda job, new: f"job {new.id} is another try of job {job.id}",
)


def _moved(moves: Mapping[int, Move]) -> JobVerb:
    """Each to a place of its own."""
    return JobVerb(
        "move",
        "moved",
        lambda client, job: client.move(job.id, moves[job.id]),
        _no_move,
        lambda _, now: f"job {now.id}: moved, priority {now.priority}",
        keeps_marks=True,
    )


def by_one(moves: Mapping[int, Move], by: int) -> JobVerb:
    """As `past_neighbours` says; the first and the last go no further."""
    end = "first" if by < 0 else "last"

    def refusal(job: Job) -> str:
        return _no_move(job) or ("" if job.id in moves else f"job {job.id} is {end} already")

    return replace(_moved(moves), refusal=refusal)


def to_top(jobs: Sequence[Job]) -> JobVerb:
    """Before all others."""
    return _moved({job.id: Move(to=End.TOP) for job in jobs})


def with_priority(jobs: Sequence[Job], by: int) -> JobVerb:
    """Higher or lower, within what there is."""
    wanted = {job.id: min(max(job.priority + by, -MAX_PRIORITY), MAX_PRIORITY) for job in jobs}
    return _moved({id: Move(priority=priority) for id, priority in wanted.items()})


def past_neighbours(unfinished: Sequence[Job], wanted: Collection[int], by: int) -> dict[int, Move]:
    """The moves by job, in their order, that take jobs one place up (-1) or down (1).

    Each goes past a waiting neighbour of its own owner; those that stand together stay so.
    """
    found: dict[int, Move] = {}
    for owner in dict.fromkeys(job.owner for job in unfinished if job.id in wanted):
        line = [
            job for job in unfinished if job.owner == owner and job.state is not JobState.RUNNING
        ]
        found.update(_past(line, wanted, by))
    return found


def _past(line: list[Job], wanted: Collection[int], by: int) -> Iterator[tuple[int, Move]]:
    for at in range(len(line)) if by < 0 else reversed(range(len(line))):
        job, beside = line[at], at + by
        if job.id in wanted and 0 <= beside < len(line) and line[beside].id not in wanted:
            other = line[beside]
            line[at], line[beside] = other, job
            yield job.id, Move(before=other.id) if by < 0 else Move(after=other.id)


# --- questions ---


def cancel_question(jobs: Sequence[Job]) -> str:
    """What is lost; empty where there is nothing to ask: a single job that has not begun."""
    running = [job for job in jobs if job.state is JobState.RUNNING]
    if len(jobs) < 2:
        return _of_a_running_job(running[0]) if running else ""
    runs = f", {len(running)} of them running" if running else ""
    return f"Cancel {len(jobs)} jobs{runs}?\n{_ids(jobs)}"


def _of_a_running_job(job: Job) -> str:
    done = f"\n{words.stage(job.progress)} is done" if job.progress else ""
    return f"Cancel job {job.id}, which is running?\n{quoted(job)}{done}"


def removal_question(jobs: Sequence[Job], plan: Cleaning) -> str:
    """What goes, to the byte."""
    videos = sum(item.video for item in plan.items)
    size = f"{bytes_text(plan.freed_bytes)} ({plan.freed_bytes:,} bytes)"
    if len(jobs) == 1:
        video = " and its video" if videos else ""
        return f"Remove job {jobs[0].id}{video}? That frees {size}.\n{quoted(jobs[0])}"
    with_videos = f", {videos} of them with a video" if videos else ""
    return f"Remove {len(jobs)} jobs{with_videos}? That frees {size}.\n{_ids(jobs)}"


def quoted(job: Job) -> str:
    """A prompt, in a question."""
    return f"“{one_line(job.params.prompt, QUOTED)}”"


def _ids(jobs: Sequence[Job]) -> str:
    return one_line(f"jobs {', '.join(str(job.id) for job in jobs)}", 2 * QUOTED)


def _count(number: int) -> str:
    return f"{number} job{'' if number == 1 else 's'}"
