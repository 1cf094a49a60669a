"""The queue, its storage and its order against a plain model of lists, with restarts in between."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.made import job as made_job
from tests.made import plan
from wantui.api.job import Job, JobState, Output, Timings
from wantui.api.move import End, Move
from wantui.api.order import Spot, in_order
from wantui.database import Database
from wantui.errors import GenerationFailed, InvalidRequest, KeyReused, WrongState
from wantui.queue.batch import Submission
from wantui.queue.history import Wanted
from wantui.queue.jobs import Jobs
from wantui.queue.order import LOOK_AHEAD
from wantui.settings import QueueSettings

T = TypeVar("T")
MOST = 2
SETTINGS = QueueSettings(
    max_unfinished=1000, max_overtaken=MOST, max_crashes=2, max_interruptions=1000
)
MODELS = ("t2v-a14b", "i2v-a14b")
LATER = 4e9
"""A start that these tests do not live to see."""
QUEUED, HELD, RUNNING = JobState.QUEUED, JobState.HELD, JobState.RUNNING
owners, priorities = st.integers(1, 3), st.integers(-1, 1)


@dataclass
class Plain:
    """One job of the model."""

    id: int
    state: JobState
    owner: int
    priority: int
    model: str
    delayed: bool
    unmet: set[int]


@dataclass
class Reference:
    """What a queue is, in as few words as it takes: lists, searched from end to end."""

    jobs: dict[int, Plain] = field(default_factory=dict)
    rows: dict[int, list[int]] = field(default_factory=lambda: {1: [], 2: [], 3: []})
    """Every owner's unfinished jobs, first to last."""
    turns: list[int] = field(default_factory=list)
    """Owners that were served, the last one last."""
    overtaken: Counter[int] = field(default_factory=Counter)
    loaded: str | None = None
    spots: dict[int, Spot] = field(default_factory=dict)
    """Of the real jobs: which of two owners comes first who were never served, no list says."""

    def of(self, *states: JobState) -> list[Plain]:
        return [job for job in self.jobs.values() if job.state in states]

    def ahead(self, waiting: list[Plain]) -> list[int]:
        """In turn, one after the other."""
        turns, left, found = list(self.turns), list(waiting), []
        while left:
            top = max(job.priority for job in left)
            level = [job.id for job in left if job.priority == top]
            heads = {}
            for owner, row in self.rows.items():
                if here := [job_id for job_id in row if job_id in level]:
                    heads[owner] = here[0]
            never = [owner for owner in heads if owner not in turns]
            owner = (
                min(never, key=lambda owner: self.spots[heads[owner]])
                if never
                else next(owner for owner in turns if owner in heads)
            )
            turns = [one for one in turns if one != owner] + [owner]
            found.append(heads[owner])
            left = [job for job in left if job.id != heads[owner]]
        return found

    def next(self) -> tuple[int, list[int]] | None:
        """Who is handed out, and whom that overtakes."""
        waiting = [job for job in self.of(QUEUED) if not job.unmet and not job.delayed]
        order = self.ahead(waiting)
        if not order:
            return None
        passed: list[int] = []
        for job_id in order[:LOOK_AHEAD]:
            if self.jobs[job_id].priority != self.jobs[order[0]].priority:
                break
            if self.jobs[job_id].model == self.loaded:
                return job_id, passed
            if self.overtaken[job_id] >= MOST:
                break
            passed.append(job_id)
        return order[0], []

    def end(self, job_id: int, state: JobState) -> None:
        """With all that this means for those that come after it."""
        job = self.jobs[job_id]
        job.state = state
        self.rows[job.owner].remove(job_id)
        self.overtaken.pop(job_id, None)
        for other in self.jobs.values():
            if job_id in other.unmet and not other.state.finished:
                if state is JobState.COMPLETED:
                    other.unmet.discard(job_id)
                else:
                    self.end(other.id, JobState.FAILED)

    def leaves_line(self, job_id: int) -> None:
        self.overtaken.pop(job_id, None)


class QueueMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.model = Reference()
        self.keys = itertools.count()
        self.last: tuple[Submission, list[Job], list[int]] | None = None
        self.run(self._start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _start(self) -> None:
        self.database = Database(Path(self.folder.name) / "wantui.db")
        await self.database.start()
        self.jobs = Jobs(self.database, SETTINGS, lambda _: None)
        await self.jobs.start()

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.run(self.database.stop())
            self.loop.close()
            self.folder.cleanup()

    def pick(self, data: st.DataObject, *states: JobState) -> Plain:
        return data.draw(st.sampled_from(self.model.of(*states)))

    # --- what people do ---

    @rule(
        data=st.data(),
        owner=owners,
        drafts=st.lists(
            st.tuples(priorities, st.sampled_from(MODELS), st.booleans(), st.integers(0, 9)),
            min_size=1,
            max_size=9,
        ),
    )
    def submit(
        self, data: st.DataObject, owner: int, drafts: list[tuple[int, str, bool, int]]
    ) -> None:
        open_ids = [job.id for job in self.model.of(QUEUED, HELD, RUNNING)]
        made, plain = [], []
        for priority, model, hold, kind in drafts:
            after = (
                data.draw(st.sets(st.sampled_from(open_ids), max_size=2))
                if (open_ids and kind in (7, 8))
                else set()
            )
            state = HELD if hold else QUEUED
            made.append(
                made_job(
                    0,
                    state,
                    owner=owner,
                    priority=priority,
                    model=model,
                    after=tuple(after),
                    unmet=tuple(after),
                    start_at=LATER if kind == 9 else None,
                )
            )
            plain.append(Plain(0, state, owner, priority, model, kind == 9, after))
        submission = Submission(owner, f"key {next(self.keys)}", "digest")
        ids = [job.id for job in self.run(self.jobs.accept(made, submission))]
        for job_id, job in zip(ids, plain, strict=True):
            job.id = job_id
            self.model.jobs[job_id] = job
            self.model.rows[owner].append(job_id)
        self.last = submission, made, ids

    @precondition(lambda self: self.last is not None)
    @rule()
    def send_again(self) -> None:
        """As a client that heard no answer: nothing comes of it that was not there."""
        assert self.last is not None
        submission, made, ids = self.last
        again = self.run(self.jobs.accept(made, submission))
        assert [job.id for job in again] == ids
        other = Submission(submission.owner, submission.key, "another digest")
        with pytest.raises(KeyReused):
            self.run(self.jobs.accept(made, other))

    @precondition(lambda self: self.model.of(QUEUED, HELD))
    @rule(data=st.data(), end=st.sampled_from(End))
    def move_to_an_end(self, data: st.DataObject, end: End) -> None:
        job = self.pick(data, QUEUED, HELD)
        row = self.model.rows[job.owner]
        mine = [one for one in self.model.of(QUEUED, HELD) if one.owner == job.owner]
        self.run(self.jobs.move(job.id, Move(to=end)))
        row.remove(job.id)
        if end is End.TOP:
            row.insert(0, job.id)
            job.priority = max(one.priority for one in mine)
        else:
            row.append(job.id)
            job.priority = min(one.priority for one in mine)

    @precondition(lambda self: len(self.model.of(QUEUED, HELD)) > 1)
    @rule(data=st.data(), before=st.booleans())
    def move_beside(self, data: st.DataObject, before: bool) -> None:
        job, other = self.pick(data, QUEUED, HELD), self.pick(data, QUEUED, HELD)
        move = Move(before=other.id) if before else Move(after=other.id)
        if job.id == other.id or job.owner != other.owner:
            with pytest.raises(InvalidRequest):
                self.run(self.jobs.move(job.id, move))
            return
        self.run(self.jobs.move(job.id, move))
        row = self.model.rows[job.owner]
        row.remove(job.id)
        row.insert(row.index(other.id) + (not before), job.id)
        job.priority = other.priority

    @precondition(lambda self: self.model.of(QUEUED, HELD))
    @rule(data=st.data(), priority=priorities)
    def give_priority(self, data: st.DataObject, priority: int) -> None:
        job = self.pick(data, QUEUED, HELD)
        self.run(self.jobs.move(job.id, Move(priority=priority)))
        job.priority = priority

    @precondition(lambda self: self.model.of(QUEUED))
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        job = self.pick(data, QUEUED)
        self.run(self.jobs.hold(job.id))
        job.state = HELD
        self.model.leaves_line(job.id)

    @precondition(lambda self: self.model.of(HELD))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        job = self.pick(data, HELD)
        self.run(self.jobs.release(job.id))
        job.state = QUEUED

    @precondition(lambda self: self.model.of(QUEUED, HELD))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.pick(data, QUEUED, HELD)
        self.run(self._ends(self.jobs.cancel(job.id)))
        self.model.end(job.id, JobState.CANCELLED)

    # --- what the daemon does ---

    @precondition(lambda self: self.model.of(QUEUED))
    @rule()
    def claim(self) -> None:
        search = self.jobs.search(self.model.loaded)
        found, expected = next(iter(search), None), self.model.next()
        if expected is None:
            assert found is None
            return
        job_id, overtaken = expected
        assert found == job_id
        self.run(self.jobs.claim(job_id, plan(), search))
        job = self.model.jobs[job_id]
        job.state = RUNNING
        self.model.leaves_line(job_id)
        self.model.overtaken.update(overtaken)
        self.model.turns = [one for one in self.model.turns if one != job.owner] + [job.owner]
        self.model.loaded = job.model

    @precondition(lambda self: len(self.model.of(QUEUED)) > 1)
    @rule(jobs=st.integers(2, 9))
    def work(self, jobs: int) -> None:
        """One after the other, on one device."""
        for _ in range(jobs):
            running = self.model.of(RUNNING)
            self.claim()
            for job in self.model.of(RUNNING):
                if job not in running:
                    self.run(self._ends(self.jobs.complete(job.id, _output(), _timings())))
                    self.model.end(job.id, JobState.COMPLETED)

    @precondition(lambda self: self.model.of(RUNNING))
    @rule(data=st.data(), how=st.sampled_from(("completes", "fails", "stops")))
    def running_job(self, data: st.DataObject, how: str) -> None:
        job = self.pick(data, RUNNING)
        if how == "stops":
            self.run(self.jobs.stopped(job.id))
            job.state = QUEUED
        elif how == "fails":
            self.run(self._ends(self.jobs.fail(job.id, GenerationFailed("no"))))
            self.model.end(job.id, JobState.FAILED)
        else:
            self.run(self._ends(self.jobs.complete(job.id, _output(), _timings())))
            self.model.end(job.id, JobState.COMPLETED)

    async def _ends(self, change: Coroutine[Any, Any, Job]) -> None:
        """And those that come after it are told, as the daemon does."""
        ended = [await change]
        while ended:
            one = ended.pop()
            if not one.state.finished:
                continue
            waiting = [job.id for job in self.jobs.live.values() if one.id in job.unmet]
            for job_id in waiting:
                with contextlib.suppress(WrongState):
                    ended.append(await self.jobs.after(job_id, one.id, one.state))

    @precondition(lambda self: self.model.of(QUEUED, HELD, RUNNING))
    @rule()
    def restart(self) -> None:
        """The daemon dies: what ran is queued again, and a new worker has nothing loaded."""

        async def again() -> None:
            await self.database.stop()
            await self._start()

        self.run(again())
        for job in self.model.of(RUNNING):
            job.state = QUEUED
        self.model.overtaken.clear()
        self.model.loaded = None

    # --- what is true at any time ---

    @invariant()
    def jobs_are_as_in_the_model(self) -> None:
        if not hasattr(self, "jobs"):
            return
        live = self.jobs.live
        self.model.spots = {job.id: Spot.of(job) for job in live.values()}
        expected = self.model.of(QUEUED, HELD, RUNNING)
        assert {job.id: (job.state, job.priority, set(job.unmet)) for job in live.values()} == {
            job.id: (job.state, job.priority, job.unmet) for job in expected
        }
        told = Counter(job.state for job in self.model.jobs.values())
        assert self.jobs.counts == {state: told[state] for state in JobState}

    @invariant()
    def what_is_shown_is_the_order(self) -> None:
        if not hasattr(self, "jobs"):
            return
        shown = in_order(self.jobs.live.values(), self.jobs.turns)
        queued = [job.id for job in shown if job.state is QUEUED]
        assert queued == self.model.ahead(self.model.of(QUEUED))

    @invariant()
    def ranks_of_one_owner_are_distinct(self) -> None:
        if not hasattr(self, "jobs"):
            return
        ranks = [(job.owner, Spot.of(job).rank) for job in self.jobs.live.values()]
        assert len(set(ranks)) == len(ranks)

    @rule(owner=owners, state=st.sampled_from(JobState))
    def find(self, owner: int, state: JobState) -> None:
        page = self.run(self.jobs.page(Wanted(owner=owner, state=state), None, 500))
        wanted = [j.id for j in self.model.jobs.values() if (j.owner, j.state) == (owner, state)]
        assert [job.id for job in page.jobs] == sorted(wanted, reverse=True)


def _output() -> Output:
    return Output(
        path="x", bytes=1, sha256="", frames_sha256="", width=1, height=1, frames=1, fps=1
    )


def _timings() -> Timings:
    return Timings(load_s=0.0, encode_s=0.0, denoise_s=0.0, decode_s=0.0, write_s=0.0)


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
