"""Queue: what runs, what waits and why, what has finished."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from wantui.api.job import Job
from wantui.errors import DaemonUnreachable, WantuiError
from wantui.tui import job_verbs, upkeep
from wantui.tui.actions import bindings
from wantui.tui.areas import Area
from wantui.tui.job_search import JobSearch
from wantui.tui.job_verbs import JobVerb, Outcome
from wantui.tui.screens.area import AreaScreen
from wantui.tui.tone import Fact, Tone
from wantui.tui.widgets.confirm import confirm
from wantui.tui.widgets.facts import Facts
from wantui.tui.widgets.job_list import JobList
from wantui.tui.widgets.job_panel import JobPanel
from wantui.tui.widgets.preview import Preview
from wantui.tui.widgets.running import Running
from wantui.tui.widgets.table import Table
from wantui.tui.words import job_facts

if TYPE_CHECKING:
    from wantui.tui.session import Session


class QueueScreen(AreaScreen):
    AREA = Area.QUEUE
    BINDINGS = bindings(Area.QUEUE)
    AUTO_FOCUS = "#jobs"

    def __init__(self) -> None:
        super().__init__()
        self._found: JobSearch | None = None
        """The last search, which may be over."""

    def body(self) -> ComposeResult:
        yield Running()
        with Container(classes="halves"):
            yield JobList()
            with Container(id="chosen"):
                yield Facts(id="job")
                yield Preview()

    def draw(self, session: Session) -> None:
        self.query_one(Running).show(session.state.running)
        self._list.show(session.state)
        self._draw_details()

    @on(Table.Moved)
    def _draw_details(self) -> None:
        job = self.job
        self.query_one("#job", Facts).show(job_facts(job) if job else ())
        self._draw_preview()

    def _draw_preview(self) -> None:
        """Of the chosen job while it runs, else of the first that does; where there is room."""
        session, job = self.wantui.session, self.job
        if session is None:
            return
        running = session.state.running
        seen = job if job in running else next(iter(running), None)
        room = self.has_class("-wide") and not session.low_bandwidth
        self.query_one(Preview).follow(seen if room else None, session.preview)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw_preview)

    @property
    def job(self) -> Job | None:
        """The chosen one, as it is now."""
        session, chosen = self.wantui.session, self._list.chosen
        return session.state.job(chosen) if session and chosen is not None else None

    @property
    def jobs(self) -> list[Job]:
        """Those that a verb is for: all that are marked, or the chosen one."""
        session = self.wantui.session
        return self._list.acted_on(session.state) if session else []

    def shows(self, job_id: int) -> bool:  # noqa: ARG002 - it shows every job
        return True

    def look_at_job(self, job_id: int) -> None:
        """Choose it, for someone who comes from elsewhere; out of what would hide it."""
        self._list.leave_typing()
        session = self.wantui.session
        if self._found and session is not None and job_id not in (session.state.found or ()):
            self._found.end()
        self.redraw()
        self._list.choose(job_id)

    # --- finding and marking ---

    def action_filter(self) -> None:
        self._list.type_filter()

    def action_search(self) -> None:
        self._list.type_search()

    @on(JobList.Wanted)
    def _search(self, wanted: JobList.Wanted) -> None:
        if self.wantui.session is not None:
            self.wantui.work(self._begin_search(self.wantui.session, wanted.typed))

    async def _begin_search(self, session: Session, typed: str) -> None:
        self._found = JobSearch(session, typed)
        await self._found.begin()

    def action_older(self) -> None:
        session = self.wantui.session
        if session is not None and session.state.found is not None and self._found:
            self.wantui.work(self._search_on(self._found))
        else:
            self.wantui.load_older(clips=False)

    async def _search_on(self, found: JobSearch) -> None:
        count = await found.go_on()
        self.tell(f"{count} older jobs" if count else "there are no older ones")

    def action_back(self) -> None:
        """One step: out of what is typed and its filter, the search, the marks."""
        session = self.wantui.session
        if session is None or self._list.leave_typing():
            return
        if session.state.found is not None and self._found:
            self._found.end()
        else:
            self._list.unmark()

    def action_mark(self) -> None:
        self._list.mark()

    def action_mark_all(self) -> None:
        self._list.mark_all()

    # --- verbs ---

    @on(Table.Opened)
    def action_details(self) -> None:
        if (job := self.job) is not None:
            panel = JobPanel(f"job {job.id}", self._chosen_facts, self._follow_chosen)
            self.app.push_screen(panel)

    def _chosen_facts(self) -> list[Fact]:
        return list(job_facts(self.job)) if self.job else []

    def _follow_chosen(self, preview: Preview) -> None:
        session = self.wantui.session
        if session is not None:
            preview.follow(None if session.low_bandwidth else self.job, session.preview)

    def action_cancel(self) -> None:
        jobs = self.jobs
        able = [job for job in jobs if not job_verbs.CANCEL.refusal(job)]
        if question := job_verbs.cancel_question(able):
            one = len(able) == 1
            confirm(
                self.app,
                question,
                yes="cancel the job" if one else "cancel them",
                no="keep it running" if one else "keep them",
                then=lambda: self._do(job_verbs.CANCEL, jobs),
            )
        else:
            self._do(job_verbs.CANCEL, jobs)

    def action_hold(self) -> None:
        self._do(job_verbs.HOLD, self.jobs)

    def action_release(self) -> None:
        self._do(job_verbs.RELEASE, self.jobs)

    def action_retry(self) -> None:
        self._do(job_verbs.RETRY, self.jobs)

    def action_top(self) -> None:
        jobs = self.jobs[::-1]  # the last one first: they stay in their order
        self._do(job_verbs.to_top(jobs), jobs)

    def action_raise(self) -> None:
        jobs = self.jobs
        self._do(job_verbs.with_priority(jobs, 1), jobs)

    def action_lower(self) -> None:
        jobs = self.jobs
        self._do(job_verbs.with_priority(jobs, -1), jobs)

    def action_earlier(self) -> None:
        self._move_by(-1)

    def action_later(self) -> None:
        self._move_by(1)

    def _move_by(self, by: int) -> None:
        if (session := self.wantui.session) is None:
            return
        jobs = {job.id: job for job in self.jobs}
        moves = job_verbs.past_neighbours(session.state.unfinished, jobs, by)
        in_order = [jobs[id] for id in moves]
        stay = [job for id, job in jobs.items() if id not in moves]
        self._do(job_verbs.by_one(moves, by), [*in_order, *stay])

    def action_remove(self) -> None:
        """Look what it would free, ask, and remove."""
        jobs = self.jobs
        ended = [job for job in jobs if job.state.finished]
        if not ended:
            self.tell(job_verbs.no_removal(jobs[0]) if jobs else "no job to remove", Tone.WARN)
            return
        upkeep.remove(self.wantui, ended)

    def action_pause(self) -> None:
        session = self.wantui.session
        paused = bool(session and session.state.queue and session.state.queue.paused)
        pause = self.key("queue.pause")
        words = "resumed" if paused else f"paused: a running job goes on, {pause} resumes"
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

    def _do(self, verb: JobVerb, jobs: Sequence[Job]) -> None:
        outcome, able = job_verbs.begun(verb, jobs)
        if (session := self.wantui.session) is not None:
            self.wantui.work(self._carry_out(session, outcome, able))

    async def _carry_out(self, session: Session, outcome: Outcome, jobs: Sequence[Job]) -> None:
        """One after the other, in their order; what comes of it is one line."""
        for at, job in enumerate(jobs):
            try:
                now = await session.ask(partial(outcome.verb.ask, job=job))
            except DaemonUnreachable as error:
                outcome.refused += [error.message] * (len(jobs) - at)
                break
            except WantuiError as error:
                outcome.refused.append(error.told)
            else:
                outcome.done.append((job, now))
        if outcome.done and not outcome.verb.keeps_marks:
            self._list.unmark()
        self.tell(*outcome.said(self.wantui.keys))

    @property
    def _list(self) -> JobList:
        return self.query_one(JobList)
