"""The reducer: whatever order things come in, the newest of one boot wins."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from tests import made
from wantui.api.base import Reply
from wantui.api.error import ErrorBody
from wantui.api.job import JobState, WaitsFor
from wantui.api.queue import Lacking
from wantui.tui.state import (
    Action,
    Cached,
    Connecting,
    Learned,
    Lost,
    Phase,
    Snapshot,
    State,
    as_status,
    reduce,
)

GONE = Lost(ErrorBody(code="daemon_unreachable", message="no daemon answers", hint=""), 12.0)


def after(*actions: Action, start: State | None = None) -> State:
    state = start or State()
    for action in actions:
        state = reduce(state, action)
    return state


def history(jobs: int, revisions: int) -> list[Reply]:
    """Every revision of every object that one boot sends."""
    states = [JobState.QUEUED, JobState.HELD, JobState.RUNNING, JobState.COMPLETED]
    sent: list[Reply] = [
        made.job(id, states[rev % 4], rev)
        for id in range(1, jobs + 1)
        for rev in range(1, revisions + 1)
    ]
    sent += [made.model(loaded=rev % 2 == 0, rev=rev) for rev in range(2, revisions + 2)]
    sent += [made.worker(rev) for rev in range(1, revisions + 1)]
    sent += [made.queue(paused=rev % 2 == 0, rev=rev) for rev in range(2, revisions + 2)]
    return sent


NEWEST = after(Snapshot(made.status()), Learned("b00t", tuple(history(3, 3))))


@given(st.permutations(history(jobs=3, revisions=3)))
def test_any_order_of_events_ends_in_the_newest(sent: list[Reply]) -> None:
    ended = after(Snapshot(made.status()), *(Learned("b00t", (item,)) for item in sent))
    assert shown(ended) == shown(NEWEST)


def shown(state: State) -> tuple[object, ...]:
    """All that screens are drawn from."""
    return (
        *(state.link, state.stale, state.queue, state.jobs, state.models, state.downloads),
        *(state.workers, state.hardware),
    )


def snapshot_of(objects: Iterable[Reply]) -> Snapshot:
    """As the daemon would give it after it sent these."""
    known = after(Snapshot(made.status(models=())), Learned("b00t", tuple(objects)))
    told = as_status(known)
    assert told is not None
    return Snapshot(told)


def missed(at: int) -> list[Action]:
    """A line that is lost, and found again after so many events."""
    return [GONE, Connecting(), snapshot_of(LIFE[:at])]


LIFE = history(jobs=3, revisions=3) + [made.download(rev) for rev in range(1, 4)]
"""In one of the orders in which a daemon may send it."""
HEARD = st.lists(st.sampled_from(LIFE).map(lambda item: Learned("b00t", (item,))), max_size=20)


@given(HEARD, st.lists(st.integers(0, len(LIFE)), max_size=3).map(sorted), st.data())
def test_whatever_was_heard_and_lost_it_ends_as_the_daemon_has_it(
    heard: list[Action], losses: list[int], data: st.DataObject
) -> None:
    """Events twice, late, or not at all; then a snapshot, and what came after it in any order."""
    last = losses[-1] if losses else 0
    rest = data.draw(st.permutations(LIFE[last:]))
    ended = after(
        Cached(made.status(made.job(77), boot="an older one")),
        snapshot_of(()),
        *heard,
        *(action for at in losses for action in missed(at)),
        *(Learned("b00t", (item,)) for item in rest),
    )
    assert shown(ended) == shown(after(snapshot_of(LIFE)))


def test_a_job_that_was_removed_while_nobody_listened_is_gone() -> None:
    before = after(Snapshot(made.status(made.job(1), made.job(2), made.completed(3))), GONE)
    assert set(before.jobs) == {1, 2, 3}
    assert set(after(Snapshot(made.status(made.job(2))), start=before).jobs) == {2}


def test_jobs_beyond_what_a_snapshot_holds_are_not_forgotten() -> None:
    recent = [made.completed(id, finished_at=made.NOW + id) for id in range(101, 151)]
    older = [made.completed(id, finished_at=made.NOW + id) for id in (1, 2)]
    gone = made.completed(120_000, finished_at=made.NOW + 120.5)
    waiting = [made.job(id) for id in range(1001, 1502)]
    known = after(Snapshot(made.status()), Learned("b00t", (*older, *recent, gone, *waiting)))
    resynced = reduce(known, Snapshot(made.status(*waiting[:500], *recent)))
    assert set(known.jobs) - set(resynced.jobs) == {gone.id}


def test_an_older_revision_changes_nothing() -> None:
    state = after(Snapshot(made.status(made.running(1, rev=5))))
    assert reduce(state, Learned("b00t", (made.job(1, rev=4),))) is state


def test_another_boot_starts_over() -> None:
    state = after(Snapshot(made.status(made.job(1, rev=50), made.job(2, rev=50))))
    fresh = reduce(state, Snapshot(made.status(made.job(2, JobState.HELD, rev=3), boot="other")))
    assert set(fresh.jobs) == {2}
    assert fresh.jobs[2].state is JobState.HELD


def test_an_event_of_another_boot_is_dropped() -> None:
    state = after(Snapshot(made.status(made.job(1))))
    assert reduce(state, Learned("other", (made.completed(1, rev=9),))) is state


def test_the_cache_is_shown_as_stale_until_the_daemon_answers() -> None:
    cached = after(Cached(made.status(made.job(1))))
    assert cached.stale
    assert cached.link.phase is Phase.CONNECTING
    live = reduce(cached, Snapshot(made.status(made.job(2), boot="other")))
    assert not live.stale
    assert set(live.jobs) == {2}


def test_the_cache_never_replaces_what_the_daemon_said() -> None:
    live = after(Snapshot(made.status(made.job(2))))
    assert reduce(live, Cached(made.status(made.job(1)))) is live


def test_a_lost_daemon_leaves_its_last_words_as_stale() -> None:
    state = after(Snapshot(made.status(made.job(1))), GONE)
    assert state.stale
    assert state.link.phase is Phase.DISCONNECTED
    assert state.link.retry_at == 12.0
    trying = reduce(state, Connecting())
    assert trying.stale
    assert trying.link.error == GONE.error


def test_unfinished_jobs_come_in_the_order_they_run() -> None:
    jobs = (made.job(5, JobState.HELD), made.job(7), made.job(6), made.running(9))
    assert [job.id for job in after(Snapshot(made.status(*jobs))).unfinished] == [9, 6, 7, 5]


def test_finished_jobs_come_newest_first_and_clips_have_a_video() -> None:
    state = after(Snapshot(made.status(made.completed(1), made.completed(3), made.failed(2))))
    assert [job.id for job in state.finished] == [3, 1, 2]
    assert [job.id for job in state.clips] == [3, 1]


@given(st.lists(st.integers(1, 40), unique=True, max_size=20))
def test_what_is_cached_is_what_was_known(ids: list[int]) -> None:
    state = after(Snapshot(made.status(*(made.completed(id) for id in ids))))
    status = as_status(state)
    assert status is not None
    again = after(Cached(status))
    assert again.jobs == state.jobs
    assert again.models == state.models


def test_jobs_say_what_they_wait_for_now() -> None:
    waiting = made.job(3, waits_for=(WaitsFor.DEVICE,))
    state = reduce(State(), Snapshot(made.status(waiting, made.job(4, state=JobState.RUNNING))))
    paused = Learned("b00t", (made.queue(paused=True, waits_for=(WaitsFor.PAUSED,), rev=2),))
    state = reduce(state, paused)
    assert state.jobs[3].waits_for == (WaitsFor.PAUSED,)
    assert state.jobs[4].waits_for == ()
    lacking = made.queue(lacking=(Lacking.like(waiting),), rev=3)
    assert reduce(state, Learned("b00t", (lacking,))).jobs[3].waits_for == (WaitsFor.WEIGHTS,)
