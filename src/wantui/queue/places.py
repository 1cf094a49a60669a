"""Where a job is moved to: its new priority and rank, from where the others stand. Pure."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from wantui.api.job import Job, JobState
from wantui.api.move import End, Move
from wantui.api.order import Spot
from wantui.errors import InvalidRequest, UnknownJob, WrongState
from wantui.queue.rank import below, between

WAITING = (JobState.QUEUED, JobState.HELD)


class Place(NamedTuple):
    priority: int
    rank: Decimal | None


def destination(job: Job, unfinished: Collection[Job], move: Move, newest: int) -> Place:
    """Where `job` goes among the unfinished ones; `newest` is the highest id there has been.

    Ranks of one owner's unfinished jobs stay distinct, whatever their priorities, so that there is
    room between any two. Raises InvalidRequest, UnknownJob or WrongState.
    """
    given = [name for name in Move.model_fields if getattr(move, name) is not None]
    if len(given) != 1:
        raise InvalidRequest(
            "a move is to one place", hint=f"give one of: {', '.join(Move.model_fields)}"
        )
    if move.priority is not None:
        return Place(move.priority, job.rank)
    others = [one for one in unfinished if one.owner == job.owner and one.id != job.id]
    if move.to is not None:
        return _end(job, others, move.to, newest)
    known = {one.id: one for one in unfinished}
    beside = _beside(job, known, move.after if move.before is None else move.before)
    return _next_to(beside, others, before=move.before is not None, newest=newest)


def _end(job: Job, others: list[Job], end: End, newest: int) -> Place:
    priorities = [one.priority for one in (job, *others) if one.state in WAITING]
    ranks = [_rank(one) for one in others] or [_rank(job)]
    if end is End.TOP:
        return Place(max(priorities), below(min(ranks)))
    return Place(min(priorities), between(max(ranks), Decimal(newest + 1)))


def _next_to(beside: Job, others: list[Job], *, before: bool, newest: int) -> Place:
    here = _rank(beside)
    if before:
        lower = [rank for one in others if (rank := _rank(one)) < here]
        rank = between(max(lower), here) if lower else below(here)
    else:
        higher = [rank for one in others if (rank := _rank(one)) > here]
        rank = between(here, min(higher, default=Decimal(newest + 1)))
    return Place(beside.priority, rank)


def _beside(job: Job, known: dict[int, Job], wanted: int | None) -> Job:
    beside = known.get(wanted or 0)
    if beside is None:
        raise UnknownJob(f"no unfinished job is {wanted}", hint="see: wantui queue")
    if beside.state not in WAITING:
        raise WrongState(f"job {beside.id} is {beside.state}: it waits no more")
    if beside.id == job.id:
        raise InvalidRequest(f"job {job.id} cannot stand beside itself", hint="name another job")
    if beside.owner != job.owner:
        raise InvalidRequest(
            f"job {beside.id} is another user's: users take turns",
            hint="move a job among those of one user, or give it a priority",
        )
    return beside


def _rank(job: Job) -> Decimal:
    return Spot.of(job).rank
