"""Which job is handed out next: in turn, but one whose model is loaded may go ahead, within bounds.

Two experts of 57 GB are not swapped for every other job, and nobody starves: a job is overtaken in
this way a fixed number of times at the most, then nothing passes it any more.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from wantui.api.job import Job
from wantui.api.order import Level, Spot, in_turn

LOOK_AHEAD = 32
"""How far from the first a job may be that goes ahead."""


@dataclass(frozen=True)
class _Entry:
    priority: int
    owner: int
    model: str
    spot: Spot


class Line:
    """The jobs that may run now, sorted as they come and go: finding the first costs no sorting."""

    def __init__(self, max_overtaken: int) -> None:
        self._most = max_overtaken
        self._entries: dict[int, _Entry] = {}
        self._levels: defaultdict[int, dict[int, list[Spot]]] = defaultdict(dict)
        self._overtaken: Counter[int] = Counter()

    def __contains__(self, job_id: int) -> bool:
        return job_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, job: Job) -> None:
        """Let a job in, or have it stand elsewhere, without forgetting who has passed it."""
        entry = _Entry(job.priority, job.owner, job.model, Spot.of(job))
        if self._entries.get(job.id) == entry:
            return
        self._take_out(job.id)
        self._entries[job.id] = entry
        bisect.insort(self._levels[job.priority].setdefault(job.owner, []), entry.spot)

    def discard(self, job_id: int) -> None:
        """It runs, or waits for something of its own."""
        self._take_out(job_id)
        self._overtaken.pop(job_id, None)

    def search(
        self,
        served: Mapping[int, int],
        loaded: str | None = None,
        cannot_run: Callable[[int], bool] = lambda _: False,
    ) -> Search:
        """Begin to look for the next job, for a worker that has the model `loaded`.

        `cannot_run` says of which jobs that was so when they were last tried: those that go ahead
        do not overtake them, and are not kept from it by them.
        """
        waiting = in_turn(self._snapshot(), served)
        first = list(itertools.islice(waiting, LOOK_AHEAD))
        window = [job_id for job_id in first if not cannot_run(job_id)]
        return Search(window, self._ahead(window, loaded), itertools.chain(first, waiting))

    def note(self, overtaken: Iterable[int]) -> None:
        """These were passed by a job that was handed out ahead of its turn."""
        self._overtaken.update(job_id for job_id in overtaken if job_id in self._entries)

    def _ahead(self, window: list[int], loaded: str | None) -> list[int]:
        """Who may go before their turn, because their model is loaded."""
        ahead = []
        for job_id in window:
            entry = self._entries[job_id]
            if entry.priority != self._entries[window[0]].priority:
                break
            if entry.model == loaded:
                ahead.append(job_id)
            elif self._overtaken[job_id] >= self._most:
                break
        return ahead

    def _snapshot(self) -> Iterator[Level]:
        """The levels as they are now: jobs come and go while a search waits for the disk."""
        copies = [
            {owner: list(spots) for owner, spots in self._levels[priority].items()}
            for priority in sorted(self._levels, reverse=True)
        ]
        return iter(copies)

    def _take_out(self, job_id: int) -> None:
        if (entry := self._entries.pop(job_id, None)) is None:
            return
        level = self._levels[entry.priority]
        spots = level[entry.owner]
        del spots[bisect.bisect_left(spots, entry.spot)]
        if not spots:
            del level[entry.owner]
        if not level:
            del self._levels[entry.priority]


class Search:
    """Jobs by id, the best first, until one of them can be claimed. Iterated once."""

    def __init__(self, window: list[int], ahead: list[int], in_turn: Iterator[int]) -> None:
        self._window = window
        self._order = itertools.chain(ahead, in_turn)
        self._tried: set[int] = set()

    def __iter__(self) -> Iterator[int]:
        for job_id in self._order:
            if job_id not in self._tried:
                self._tried.add(job_id)
                yield job_id

    def overtaken_by(self, claimed: int) -> list[int]:
        """Those before the claimed one that were not even tried."""
        if claimed not in self._window:
            return []
        before = self._window[: self._window.index(claimed)]
        return [job_id for job_id in before if job_id not in self._tried]
