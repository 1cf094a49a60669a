"""The order of the queue: who is next, who may go ahead, and how often anyone is overtaken."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made import job as made_job
from wantui.api.job import Job, JobState
from wantui.api.order import in_order
from wantui.queue.order import LOOK_AHEAD, Line

MODELS = ("t2v-a14b", "i2v-a14b", "ti2v-5b")
jobs_of_several = st.lists(
    st.tuples(st.integers(-2, 2), st.integers(1, 3), st.sampled_from(MODELS)), max_size=60
).map(
    lambda drawn: [
        made_job(number, priority=priority, owner=owner, model=model)
        for number, (priority, owner, model) in enumerate(drawn, start=1)
    ]
)


class Shop:
    """A line that one worker is served from, which keeps the model of its last job loaded."""

    def __init__(self, jobs: Sequence[Job], most: int) -> None:
        self.line = Line(most)
        self.waiting = {job.id: job for job in jobs}
        for job in jobs:
            self.line.put(job)
        self.served: dict[int, int] = {}
        self.loaded: str | None = None

    @property
    def turns(self) -> list[int]:
        return sorted(self.served, key=self.served.__getitem__)

    def next(self) -> Job:
        search = self.line.search(self.served, self.loaded)
        job = self.waiting.pop(next(iter(search)))
        self.line.discard(job.id)
        self.line.note(search.overtaken_by(job.id))
        self.served[job.owner] = max(self.served.values(), default=0) + 1
        self.loaded = job.model
        return job


def by_the_book(waiting: dict[int, Job], served: dict[int, int]) -> Job:
    """The next in turn, from the words of the rule: priority, then owner, then age."""
    first = max(job.priority for job in waiting.values())
    level = [job for job in waiting.values() if job.priority == first]
    heads = {
        owner: min(job.id for job in level if job.owner == owner)
        for owner in {job.owner for job in level}
    }
    owner = min(heads, key=lambda owner: (served.get(owner, 0), heads[owner]))
    return waiting[heads[owner]]


@given(jobs_of_several)
def test_strictly_in_turn_each_is_the_one_that_the_rule_names(jobs: list[Job]) -> None:
    shop = Shop(jobs, most=0)
    while shop.waiting:
        expected = by_the_book(shop.waiting, shop.served)
        assert shop.next() == expected


@given(jobs_of_several)
def test_what_clients_show_is_the_order_in_which_jobs_run(jobs: list[Job]) -> None:
    shop = Shop(jobs, most=0)
    shop.served = {2: 1, 1: 2}
    shown = [job.id for job in in_order(jobs, shop.turns)]
    assert [shop.next().id for _ in jobs] == shown


@settings(max_examples=200)
@given(jobs_of_several, st.integers(0, 5), st.data())
def test_no_job_is_overtaken_more_often_than_allowed_however_many_come(
    jobs: list[Job], most: int, data: st.DataObject
) -> None:
    """Counted from outside: a job is overtaken when one runs that is behind it in turn."""
    shop = Shop(jobs, most)
    overtaken: Counter[int] = Counter()
    newest = len(jobs)
    for _ in range(3 * len(jobs)):
        if not shop.waiting:
            break
        in_turn = [job.id for job in in_order(shop.waiting.values(), shop.turns)]
        ran = shop.next()
        overtaken.update(in_turn[: in_turn.index(ran.id)])
        newest += 1
        if data.draw(st.booleans()):  # someone goes on sending jobs for what is loaded
            late = made_job(newest, model=ran.model, owner=ran.owner, priority=ran.priority)
            shop.waiting[late.id] = late
            shop.line.put(late)
    assert max(overtaken.values(), default=0) <= most


@given(jobs_of_several, st.integers(0, 5))
def test_nobody_goes_ahead_of_a_higher_priority_or_from_far_behind(
    jobs: list[Job], most: int
) -> None:
    shop = Shop(jobs, most)
    while shop.waiting:
        in_turn = [job.id for job in in_order(shop.waiting.values(), shop.turns)]
        first = shop.waiting[in_turn[0]]
        ran = shop.next()
        assert ran.priority == first.priority
        assert in_turn.index(ran.id) < LOOK_AHEAD


@pytest.mark.parametrize(("most", "least", "largest"), [(0, 199, 199), (16, 1, 200 // 16)])
def test_two_models_in_turn_are_not_swapped_for_every_job(
    most: int, least: int, largest: int
) -> None:
    models = itertools.cycle(MODELS[:2])
    shop = Shop([made_job(n, model=next(models)) for n in range(1, 201)], most)
    ran = [shop.next().model for _ in range(200)]
    swaps = sum(one != other for one, other in itertools.pairwise(ran))
    assert least <= swaps <= largest


def test_a_job_that_cannot_run_is_tried_but_keeps_nobody_from_going_ahead() -> None:
    line = Line(1)
    for number, model in enumerate(("absent", "absent", "other", "here", "here"), start=1):
        line.put(made_job(number, model=model))
    for _ in range(5):
        search = line.search({}, "here", lambda job_id: job_id in (1, 2))
        assert list(search)[:3] == [4, 5, 1]
        line.note([1, 2])
    search = line.search({}, "here", lambda job_id: job_id in (1, 2))
    assert next(iter(search)) == 4
    assert search.overtaken_by(4) == [3]
    line.note([3])
    assert next(iter(line.search({}, "here", lambda job_id: job_id in (1, 2)))) == 1


def test_a_search_goes_on_over_jobs_that_come_and_go() -> None:
    line = Line(0)
    for number in range(1, 51):
        line.put(made_job(number))
    found = []
    for job_id in line.search({}):
        found.append(job_id)
        line.discard(job_id)
        line.put(made_job(job_id + 100))
    assert found == list(range(1, 51))


def test_running_jobs_are_shown_first_and_held_ones_last() -> None:
    states = (JobState.HELD, JobState.QUEUED, JobState.RUNNING, JobState.QUEUED)
    jobs = [made_job(number, state) for number, state in enumerate(states, start=1)]
    assert [job.id for job in in_order(jobs)] == [3, 2, 4, 1]
