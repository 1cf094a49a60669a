"""A list of jobs that can be narrowed by typing, searched, and marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from wantui.api.job import Job
from wantui.api.status import MAX_UNFINISHED
from wantui.tui.filter import SEARCH_HINT, matching
from wantui.tui.marks import Marks
from wantui.tui.state import State
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.list_head import ListHead
from wantui.tui.widgets.table import Column, Row, Table
from wantui.tui.words import happened, job_state

if TYPE_CHECKING:
    from wantui.tui.app import WantuiApp

COLUMNS = (
    Column("id", 5, right=True),
    Column("state", 11),
    Column("model", 10),
    Column("what", 21),
    Column("label", 12, from_width=110),
    Column("prompt"),
)
MORE = "more"
EMPTY = "no jobs yet: press {generate} and write a prompt"
NO_MATCH = "no job here is like that: {back} shows all, {search} searches all there have been"
NOT_FOUND = "nothing found: {search} searches for something else, {back} goes back"
FILTER_HINT = "words of prompt, label, model, state or id"


class Typing(StrEnum):
    """What the line above the list is for."""

    FILTER = "filter"
    SEARCH = "search all jobs"


class JobList(Vertical):
    DEFAULT_CSS = """
    JobList { height: 1fr; }
    """

    class Wanted(Message):
        """Any job there has been that is like this is to be found."""

        def __init__(self, typed: str) -> None:
            super().__init__()
            self.typed = typed

    def __init__(self) -> None:
        super().__init__()
        self.marks = Marks()
        self._state = State()
        self._typing = Typing.FILTER
        self._filter = ""
        self._searched = ""
        self._drawn: dict[int, tuple[Job, Row]] = {}
        """What is shown: most jobs of a long list are as they were when they were last drawn."""

    def compose(self) -> ComposeResult:
        yield ListHead()
        yield Table(*COLUMNS, empty=self._told_keys(EMPTY), id="jobs")

    def show(self, state: State) -> None:
        """Those that are searched for, or those of the queue, as far as the filter lets them."""
        self._state = state
        finds = state.found is not None
        jobs = state.found_jobs if finds else [*state.unfinished, *state.finished]
        shown = matching(jobs, self._filter)
        if self.marks:
            self.marks = self.marks.within({*state.jobs, *(state.found or ())})
        rows = self._rows(shown)
        if not finds and not self._filter:
            rows += more_rows(state)
        empty = NO_MATCH if jobs else NOT_FOUND if finds else EMPTY
        self._table.empty = self._told_keys(empty)
        self._table.show(rows)
        self._head.say(self._told(shown, len(jobs)))

    def _told_keys(self, sentence: str) -> str:
        """With the keys that the user has for it."""
        key = cast("WantuiApp", self.app).keys.named
        return sentence.format(
            generate=key("app.area.generate"), back=key("queue.back"), search=key("queue.search")
        )

    @property
    def chosen(self) -> int | None:
        """A job's id."""
        chosen = self._table.chosen
        return chosen if isinstance(chosen, int) else None

    def choose(self, id: int) -> None:
        self._table.choose(id)

    def acted_on(self, state: State) -> list[Job]:
        """Those that a verb is for: all that are marked, in their order, else the chosen one.

        As they are now, which may be later than they were last drawn.
        """
        ids = self.marks.ids or {self.chosen}
        known = (*state.unfinished, *state.finished, *state.found_jobs)
        return list({job.id: job for job in known if job.id in ids}.values())

    # --- what keys do ---

    def type_filter(self) -> None:
        self._typing = Typing.FILTER
        self._head.ask(Typing.FILTER, self._filter, FILTER_HINT)

    def type_search(self) -> None:
        self._typing = Typing.SEARCH
        self._head.ask(Typing.SEARCH, self._searched, SEARCH_HINT)

    def leave_typing(self) -> bool:
        """Out of the line above and its filter; False where there was nothing to leave."""
        if not (self._head.has_keys or self._filter):
            return False
        self._filter = ""
        self._head.close()
        self._table.focus()
        self.show(self._state)
        return True

    def unmark(self) -> None:
        self.marks = Marks()
        self.show(self._state)

    def mark(self) -> None:
        """Mark the chosen job, or no longer, and go on to the next."""
        if (id := self.chosen) is not None:
            self.marks = self.marks.toggled(id)
            self.show(self._state)
            self._table.action_move(1)

    def mark_all(self) -> None:
        """All that are shown, or none of them."""
        self.marks = self.marks.all_or_none(self._drawn.keys())
        self.show(self._state)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        if self._typing is Typing.FILTER and event.value != self._filter:
            self._filter = event.value
            self.show(self._state)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip()
        self._table.focus()
        if self._typing is Typing.SEARCH:
            self._filter, self._searched = "", typed or self._searched
            if typed:
                self.post_message(self.Wanted(typed))
        if not self._filter:
            self._head.close()

    # --- what is shown ---

    def _rows(self, jobs: Iterable[Job]) -> list[Row]:
        before, self._drawn = self._drawn, {}
        for job in jobs:
            marked = job.id in self.marks
            drawn = before.get(job.id)
            if drawn is None or drawn[0] is not job or drawn[1].marked != marked:
                drawn = job, job_row(job, marked=marked)
            self._drawn[job.id] = drawn
        return [row for _, row in self._drawn.values()]

    def _told(self, shown: Sequence[Job], count: int) -> list[Said]:
        """To what the list is narrowed, and how many of it a verb is for."""
        parts = []
        if self.marks:
            hidden = len(self.marks.ids.difference(job.id for job in shown))
            parts.append(f"{len(self.marks)} marked{f', {hidden} hidden' if hidden else ''}")
        if self._filter:
            parts.append(f"{len(shown)} of {count} jobs")
        if self._state.found is not None:
            parts.append(f"{count} found: {self._searched}; m finds older")
        return [(f" {'; '.join(parts)}; esc back", Tone.MUTED)] if parts else []

    @property
    def _table(self) -> Table:
        return self.query_one(Table)

    @property
    def _head(self) -> ListHead:
        return self.query_one(ListHead)


def more_rows(state: State) -> list[Row]:
    """In the place of jobs that the daemon has not sent: a snapshot holds so many and no more."""
    known = sum(not job.state.finished for job in state.jobs.values())
    told = sum(count for kind, count in state.count.items() if not kind.finished)
    return [more_row(told - known)] if told > known >= MAX_UNFINISHED else []


def more_row(count: int) -> Row:
    how = "wantui queue --state queued lists them, wantui release and cancel reach them"
    plain = ("", Tone.PLAIN)
    cells = (plain, (f"{count} more", Tone.WARN), plain, plain, plain, (how, Tone.MUTED))
    return Row(MORE, cells)


def job_row(job: Job, *, marked: bool = False) -> Row:
    """One line of the queue; a running job's progress is drawn above, not here."""
    cells = (
        (str(job.id), Tone.PLAIN),
        job_state(job),
        (job.model, Tone.PLAIN),
        happened(job),
        (job.label or "", Tone.MUTED),
        (job.params.prompt, Tone.PLAIN),
    )
    return Row(job.id, cells, marked)
