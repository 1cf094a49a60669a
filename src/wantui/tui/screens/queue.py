"""Queue: what runs, what waits and why, what has finished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from wantui.api.batch import RetryRequest
from wantui.api.job import Job, JobState
from wantui.api.move import End, Move
from wantui.api.status import MAX_UNFINISHED
from wantui.text import one_line
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Fact, Tone
from wantui.tui.widgets.confirm import Confirm
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.panel import Panel
from wantui.tui.widgets.running import Running
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.words import happened, job_facts, job_state

if TYPE_CHECKING:
    from wantui.tui.session import Session

COLUMNS = (
    Column("id", 5, right=True),
    Column("state", 11),
    Column("model", 10),
    Column("what", 21),
    Column("prompt"),
)
MORE = "more"
EMPTY = "no jobs yet: press 1 and write a prompt"


class QueueScreen(AreaScreen):
    AREA = Area.QUEUE
    BINDINGS = bindings(Area.QUEUE)
    AUTO_FOCUS = "#jobs"

    def body(self) -> ComposeResult:
        yield Running()
        with Container(classes="halves"):
            yield Table(*COLUMNS, empty=EMPTY, id="jobs")
            yield Facts(id="job")

    def draw(self, session: Session) -> None:
        state = session.state
        self.query_one(Running).show(state.running)
        waiting = [job_row(job) for job in state.unfinished]
        told = sum(count for kind, count in state.count.items() if not kind.finished)
        if told > len(waiting) >= MAX_UNFINISHED:
            waiting.append(more_row(told - len(waiting)))
        self._table.show([*waiting, *(job_row(job) for job in state.finished)])
        self._draw_details()

    @on(Table.Moved)
    def _draw_details(self) -> None:
        job = self.job
        self.query_one("#job", Facts).show(job_facts(job) if job else ())

    @property
    def job(self) -> Job | None:
        """The chosen one, as it is now."""
        session, chosen = self.wantui.session, self._table.chosen
        return session.state.jobs.get(chosen) if session and isinstance(chosen, int) else None

    def shows(self, job_id: int) -> bool:  # noqa: ARG002 - it shows every job
        return True

    def look_at_job(self, job_id: int) -> None:
        """Choose it, for someone who comes from elsewhere."""
        self._table.choose(job_id)

    # --- actions ---

    @on(Table.Opened)
    def action_details(self) -> None:
        if (job := self.job) is not None:
            self.app.push_screen(Panel(f"job {job.id}", self._chosen_facts))

    def _chosen_facts(self) -> list[Fact]:
        return list(job_facts(self.job)) if self.job else []

    def action_cancel(self) -> None:
        if (job := self._chosen("cancel")) is None:
            return
        if job.state is not JobState.RUNNING:
            self._cancel(job)
            return
        question = f"Cancel job {job.id}, which is running?\n“{one_line(job.params.prompt, 100)}”"
        self.app.push_screen(
            Confirm(question, yes="cancel the job", no="keep it running"),
            lambda sure: self._cancel(job) if sure else None,
        )

    def _cancel(self, job: Job) -> None:
        self.wantui.request(
            lambda client: client.cancel(job.id),
            lambda now: self.tell(f"job {job.id}: {job_state(now)[0]}", Tone.WARN),
        )

    def action_hold(self) -> None:
        if (job := self._chosen("hold")) is not None:
            self.wantui.request(
                lambda client: client.hold(job.id),
                lambda now: self.tell(f"job {job.id}: {job_state(now)[0]}; r releases it"),
            )

    def action_release(self) -> None:
        if (job := self._chosen("release")) is not None:
            self.wantui.request(
                lambda client: client.release(job.id),
                lambda now: self.tell(f"job {job.id}: {job_state(now)[0]}"),
            )

    def action_earlier(self) -> None:
        self._move_by(-1)

    def action_later(self) -> None:
        self._move_by(1)

    def action_top(self) -> None:
        if (job := self._chosen("move")) is not None:
            self._move(job, Move(to=End.TOP))

    def action_raise(self) -> None:
        self._change_priority(1)

    def action_lower(self) -> None:
        self._change_priority(-1)

    def _change_priority(self, by: int) -> None:
        if (job := self._chosen("move")) is not None:
            self._move(job, Move(priority=job.priority + by))

    def _move_by(self, by: int) -> None:
        """Past its neighbour, among the waiting jobs of one user."""
        session = self.wantui.session
        if (job := self._chosen("move")) is None or session is None:
            return
        beside = neighbour(job, session.state.unfinished, by)
        if beside is None:
            self.tell(f"job {job.id} is {'first' if by < 0 else 'last'} already")
        else:
            self._move(job, Move(before=beside.id) if by < 0 else Move(after=beside.id))

    def _move(self, job: Job, move: Move) -> None:
        self.wantui.request(
            lambda client: client.move(job.id, move),
            lambda now: self.tell(f"job {now.id}: moved, priority {now.priority}"),
        )

    def action_retry(self) -> None:
        job = self.job
        if job is None or not job.state.finished:
            self.tell("only a job that has ended is sent again", Tone.WARN)
            return
        self.wantui.request(
            lambda client: client.retry(job.id, RetryRequest()),
            lambda new: self.tell(f"job {new.id} is another try of job {job.id}"),
        )

    def action_pause(self) -> None:
        session = self.wantui.session
        paused = bool(session and session.state.queue and session.state.queue.paused)
        words = "resumed" if paused else "paused: a running job goes on, p resumes"
        self.wantui.request(
            lambda client: client.resume() if paused else client.pause(),
            lambda _: self.tell(f"queue {words}"),
        )

    async def action_log(self) -> None:
        if (job := self.job) is not None:
            await self.wantui.show_log(str(job.id))

    def action_again(self) -> None:
        if (job := self.job) is not None:
            self.wantui.work(self.wantui.generate_again(job))

    def action_vary(self) -> None:
        if (job := self.job) is not None:
            self.wantui.work(self.wantui.generate_again(job, vary=True))

    def action_older(self) -> None:
        self.wantui.load_older(clips=False)

    def _chosen(self, verb: str) -> Job | None:
        """The chosen job, unless it is finished, which is said."""
        job = self.job
        if job is None:
            self.tell(f"no job to {verb}")
        elif job.state.finished:
            self.tell(f"job {job.id} is {job.state}: nothing to {verb}", Tone.WARN)
            return None
        return job

    @property
    def _table(self) -> Table:
        return self.query_one("#jobs", Table)


def neighbour(job: Job, shown: Sequence[Job], by: int) -> Job | None:
    """The waiting job before (-1) or after (1) another, of the same user."""
    mine = [one for one in shown if one.owner == job.owner and one.state is not JobState.RUNNING]
    ids = [one.id for one in mine]
    if job.id not in ids:
        return None
    index = ids.index(job.id) + by
    return mine[index] if 0 <= index < len(mine) else None


def more_row(count: int) -> Row:
    """In the place of jobs that the daemon has not sent: a snapshot holds so many and no more."""
    how = "wantui queue --state queued lists them, wantui release and cancel reach them"
    plain = ("", Tone.PLAIN)
    return Row(MORE, (plain, (f"{count} more", Tone.WARN), plain, plain, (how, Tone.MUTED)))


def job_row(job: Job) -> Row:
    """One line of the queue; a running job's progress is drawn above, not here."""
    return Row(
        job.id,
        (
            (str(job.id), Tone.PLAIN),
            job_state(job),
            (job.model, Tone.PLAIN),
            happened(job),
            (job.params.prompt, Tone.PLAIN),
        ),
    )
