"""Jobs narrowed, found, marked and moved: all that needs no screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import made
from tests.tui.conftest import Unconnected
from tests.tui.screens import session_of, show, text, until
from tests.tui.snapshot import compare
from wantui.api.cleaning import Cleaned, Cleaning, Gone, What
from wantui.api.job import Job, JobState, Progress, Stage
from wantui.api.move import Move
from wantui.errors import InvalidRequest
from wantui.tui import job_verbs
from wantui.tui.app import WantuiApp
from wantui.tui.areas import Area
from wantui.tui.filter import matching, query_of
from wantui.tui.job_verbs import CANCEL, HOLD, Outcome, begun, past_neighbours
from wantui.tui.keys import Keys
from wantui.tui.marks import Marks
from wantui.tui.state import Found, Learned, Snapshot, State, reduce
from wantui.tui.widgets.job_list import job_row, more_rows
from wantui.tui.widgets.table import Table
from wantui.tui.words import pace

ids = st.integers(1, 9)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", [1, 2, 3]),
        ("BOAT", [1]),
        ("boat sea", [1]),
        ("boat dunes", []),
        ("night", [2, 3]),
        ("held", [3]),
        ("demo 2", [2]),
        ("t2v", [3]),
    ],
)
def test_every_word_that_is_typed_stands_somewhere_in_a_job(typed: str, found: list[int]) -> None:
    jobs = [
        made.job(1, prompt="a boat at sea"),
        made.job(2, prompt="dunes", label="Night"),
        made.job(3, JobState.HELD, prompt="a night", model="t2v-a14b"),
    ]
    assert [job.id for job in matching(jobs, typed)] == found


def test_a_search_has_words_and_keys() -> None:
    assert query_of("a boat state:failed model:demo at:sea", 0.0) == {
        "search": "a boat at:sea",
        "state": "failed",
        "model": "demo",
    }
    assert query_of("since:2m label:x", 200.0) == {"since": 80.0, "label": "x"}
    assert query_of("state:", 0.0) == {"search": "state:"}
    with pytest.raises(InvalidRequest, match="never"):
        query_of("since:never", 0.0)


@given(st.frozensets(ids), st.lists(ids, unique=True))
def test_all_are_marked_and_then_none(marked: frozenset[int], shown: list[int]) -> None:
    once = Marks(marked).all_or_none(shown)
    if set(shown) <= marked:
        assert once.ids == marked - set(shown)
    else:
        assert once.ids == marked | set(shown)
        assert once.all_or_none(shown).ids.isdisjoint(shown)


@given(st.frozensets(ids), ids, st.frozensets(ids))
def test_a_mark_is_taken_back_and_goes_with_its_job(
    marked: frozenset[int], id: int, known: frozenset[int]
) -> None:
    marks = Marks(marked)
    assert marks.toggled(id).toggled(id) == marks
    assert (id in marks.toggled(id)) != (id in marks)
    assert marks.within(known).ids == marked & known


@given(st.lists(ids, unique=True, min_size=1), st.frozensets(ids), st.sampled_from([-1, 1]))
def test_moved_jobs_go_one_place_and_stay_together(
    line: list[int], wanted: frozenset[int], by: int
) -> None:
    moves = past_neighbours([made.job(id) for id in line], wanted, by)
    after = list(line)
    for id, move in moves.items():
        beside = move.before if by < 0 else move.after
        assert beside is not None
        after.remove(id)
        after.insert(after.index(beside) + (by > 0), id)
    assert [id for id in after if id in wanted] == [id for id in line if id in wanted]
    assert [id for id in after if id not in wanted] == [id for id in line if id not in wanted]
    for id in wanted & set(line):
        assert (after.index(id) - line.index(id)) in (0, by)
    ends = line if by < 0 else line[::-1]
    first_other = next((at for at, id in enumerate(ends) if id not in wanted), len(ends))
    for id in ends[first_other:]:
        assert id not in wanted or after.index(id) != line.index(id)


@pytest.mark.parametrize(("by", "expected"), [(-1, {3: Move(before=1)}), (1, {3: Move(after=4)})])
def test_a_neighbour_is_the_next_waiting_job_of_the_same_user(
    by: int, expected: dict[int, Move]
) -> None:
    jobs = [
        made.job(1),
        made.job(2, owner=7),
        made.job(9, JobState.RUNNING),
        made.job(3),
        made.job(4, JobState.HELD),
    ]
    assert past_neighbours(jobs, {3}, by) == expected
    assert past_neighbours(jobs, {2, 9}, by) == {}


def outcome(done: int, refused: int) -> Outcome:
    jobs = [(made.job(id), made.job(id, JobState.HELD)) for id in range(1, done + 1)]
    return Outcome(HOLD, jobs, [f"job {id} is completed" for id in range(20, 20 + refused)])


@pytest.mark.parametrize(
    ("done", "refused", "said"),
    [
        (0, 0, "no job to hold"),
        (1, 0, "job 1: ‖ held; r releases"),
        (3, 0, "3 jobs held; r releases"),
        (0, 1, "job 20 is completed"),
        (0, 3, "job 20 is completed, and 2 more"),
        (1, 2, "1 job held; 2 not: job 20 is completed; r releases"),
    ],
)
def test_what_comes_of_a_verb_is_one_line(done: int, refused: int, said: str) -> None:
    assert outcome(done, refused).said(Keys())[0] == said


def test_the_next_key_is_the_users_own() -> None:
    assert outcome(1, 0).said(Keys({"queue.release": "f9"}))[0] == "job 1: ‖ held; f9 releases"


def test_a_verb_is_asked_only_for_jobs_that_it_is_for() -> None:
    jobs = [made.job(1), made.completed(2), made.job(3, JobState.HELD)]
    result, able = begun(HOLD, jobs)
    assert [job.id for job in able] == [1]
    assert result.refused == [
        "job 2 is completed: nothing to hold",
        "job 3 is held already",
    ]


def test_cancelling_asks_for_what_would_be_lost() -> None:
    question = job_verbs.cancel_question
    assert question([]) == question([made.job(1)]) == ""
    one = question([made.running(9, prompt="boats")])
    assert one == "Cancel job 9, which is running?\n“boats”\ndenoise 7/20 is done"
    two = question([made.job(1), made.running(2)])
    assert two == "Cancel 2 jobs, 1 of them running?\njobs 1, 2"
    assert not CANCEL.refusal(made.running(9))


def test_a_removal_names_what_goes_to_the_byte() -> None:
    items = tuple(
        Cleaned(job=id, what=What.JOB, state=JobState.COMPLETED, video=id < 3, freed_bytes=1_500)
        for id in (1, 2, 3)
    )
    plan = Cleaning(done=False, items=items, freed_bytes=4_500)
    jobs = [made.completed(id, prompt="boats") for id in (1, 2, 3)]
    assert job_verbs.removal_question(jobs, plan) == (
        "Remove 3 jobs, 2 of them with a video? That frees 4.5 kB (4,500 bytes).\njobs 1, 2, 3"
    )
    alone = Cleaning(done=False, items=items[:1], freed_bytes=1_500)
    assert job_verbs.removal_question(jobs[:1], alone) == (
        "Remove job 1 and its video? That frees 1.5 kB (1,500 bytes).\n“boats”"
    )


def connected(*jobs: Job) -> State:
    return reduce(State(), Snapshot(made.status(*jobs)))


def test_what_is_found_is_as_it_is_now_and_goes_when_it_is_removed() -> None:
    state = reduce(connected(made.job(5)), Found("b00t", (made.failed(2), made.job(5))))
    state = reduce(state, Found("b00t", (made.failed(1),)))
    state = reduce(state, Learned("b00t", (made.job(5, JobState.HELD, rev=2),)))
    assert [(job.id, job.state.value) for job in state.found_jobs] == [
        (5, "held"),
        (2, "failed"),
        (1, "failed"),
    ]
    assert 2 not in state.jobs, "or the queue would seem to be known that far back"
    assert state.job(2) == made.failed(2)
    state = reduce(state, Learned("b00t", (Gone(jobs=(2, 5)),)))
    assert [job.id for job in state.found_jobs] == [1]
    assert reduce(state, Found("b00t", None)).found is None
    assert reduce(state, Found("other", None)) is state


def test_a_row_has_a_mark_and_a_label() -> None:
    row = job_row(made.job(3, label="night"), marked=True)
    assert row.marked
    assert row.cells[4][0] == "night"
    assert more_rows(connected(made.job(3))) == []


def test_the_pace_of_a_stage_is_seconds_a_step() -> None:
    progress = Progress(stage=Stage.DENOISE, step=3, of=20, fraction=0.2, eta_s=9.0, step_s=1.25)
    assert pace(progress) == "1.2 s/step"
    assert pace(progress.model_copy(update={"step_s": None})) == pace(None) == ""


@pytest.mark.anyio
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_narrowed_list_with_marks_looks_as_it_did(
    app_alone: Unconnected, size: tuple[int, int]
) -> None:
    async with app_alone(size) as pilot:
        await show(pilot, made.busy(), Area.QUEUE)
        await pilot.press("j", "space", "space", "slash", *"night", "enter")
        await compare(pilot, f"queue-marked-{size[0]}x{size[1]}")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("typed", "said"), [("", "no jobs yet: press 1"), ("xyzzy", "no job here is like that: esc")]
)
async def test_an_empty_list_says_the_next_key(
    app_alone: Unconnected, typed: str, said: str
) -> None:
    async with app_alone((80, 24)) as pilot:
        await show(pilot, made.busy() if typed else made.status(), Area.QUEUE)
        await pilot.press("slash", *typed, "enter")
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await until(pilot, lambda: said in text(app), said)


@pytest.mark.anyio
async def test_a_row_that_is_as_it_was_is_not_made_again(app_alone: Unconnected) -> None:
    async with app_alone((80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, WantuiApp)
        await show(pilot, made.status(made.job(1), made.job(2)), Area.QUEUE)
        before = app.screen.query_one(Table)._rows
        session_of(app).dispatch(Learned("b00t", (made.job(2, JobState.HELD, rev=2),)))
        await until(pilot, lambda: "‖ held" in text(app), "the change")
        after = app.screen.query_one(Table)._rows
        assert after[0] is before[0]
        assert after[1] != before[1]
