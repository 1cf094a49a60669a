"""The order in which waiting jobs run. Pure: the daemon goes by it, and clients show it.

By priority; among equals the owner who was served least recently comes first; among the jobs of
one owner rank decides, which is age unless a job was moved.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from wantui.api.job import Job, JobState


class Spot(NamedTuple):
    """Where a job stands among those of its owner; sorts as they run."""

    rank: Decimal
    id: int

    @classmethod
    def of(cls, job: Job) -> Spot:
        return cls(Decimal(job.id) if job.rank is None else job.rank, job.id)


Level = Mapping[int, Sequence[Spot]]
"""The waiting jobs of one priority: by owner, each owner's in order, none of them empty."""


def in_turn(levels: Iterable[Level], served: Mapping[int, int]) -> Iterator[int]:
    """Ids of jobs as they run, if nothing else comes: the first levels first.

    `served` numbers the owners by their last turn, the latest highest; who has had none is first.
    """
    turns = dict(served)
    clock = itertools.count(max(turns.values(), default=0) + 1)
    for level in levels:
        heads = [(turns.get(owner, 0), spots[0], owner, 0) for owner, spots in level.items()]
        heapq.heapify(heads)
        while heads:
            _, spot, owner, index = heads[0]
            yield spot.id
            turns[owner] = next(clock)
            if index + 1 < len(level[owner]):
                following = level[owner][index + 1]
                heapq.heapreplace(heads, (turns[owner], following, owner, index + 1))
            else:
                heapq.heappop(heads)


def in_order(unfinished: Iterable[Job], turns: Sequence[int] = ()) -> list[Job]:
    """Running jobs, then queued ones in the order they will run, then held ones.

    `turns` are a Queue's.
    """
    by_state: defaultdict[JobState, list[Job]] = defaultdict(list)
    for job in unfinished:
        by_state[job.state].append(job)
    return [
        *sorted(by_state[JobState.RUNNING], key=lambda job: job.id),
        *_queued(by_state[JobState.QUEUED], turns),
        *sorted(by_state[JobState.HELD], key=lambda job: (-job.priority, Spot.of(job))),
    ]


def _queued(jobs: Iterable[Job], turns: Sequence[int]) -> Iterator[Job]:
    by_id = {job.id: job for job in jobs}
    levels: defaultdict[int, defaultdict[int, list[Spot]]]
    levels = defaultdict(lambda: defaultdict(list))
    for job in by_id.values():
        levels[job.priority][job.owner].append(Spot.of(job))
    for level in levels.values():
        for spots in level.values():
            spots.sort()
    served = {owner: number for number, owner in enumerate(turns, start=1)}
    ordered = (levels[priority] for priority in sorted(levels, reverse=True))
    return (by_id[job_id] for job_id in in_turn(ordered, served))
