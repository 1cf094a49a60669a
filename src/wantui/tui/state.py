"""All that the screens show, and how it changes. Pure: no clock, no network, no widget.

Objects carry a `rev`; within one life of the daemon (a boot) the newest wins, in whatever order
they arrive. Another boot starts over.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, TypeVar, assert_never

from wantui.api.base import Reply
from wantui.api.cleaning import Gone
from wantui.api.download import Download, DownloadState
from wantui.api.error import ErrorBody
from wantui.api.hardware import Hardware
from wantui.api.hello import Hello
from wantui.api.job import Job, JobState
from wantui.api.model import ModelStatus
from wantui.api.order import in_order
from wantui.api.queue import Queue
from wantui.api.status import MAX_FINISHED, MAX_UNFINISHED, Status
from wantui.api.worker import Worker, WorkerState
from wantui.tui.history import Histories, extended

MAX_KEPT_FINISHED = 1000
"""Finished jobs kept over the life of a boot, the newest."""


class Phase(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True)
class Link:
    """How we stand with the daemon."""

    phase: Phase = Phase.CONNECTING
    error: ErrorBody | None = None
    """Why we are not connected."""
    retry_at: float | None = None
    """When the next try is, in seconds of the monotonic clock."""


@dataclass(frozen=True)
class State:
    link: Link = Link()
    stale: bool = False
    """What is shown was true once: it is from the cache, or the daemon was lost."""
    hello: Hello | None = None
    queue: Queue | None = None
    jobs: Mapping[int, Job] = field(default_factory=dict)
    models: Mapping[str, ModelStatus] = field(default_factory=dict)
    downloads: Mapping[int, Download] = field(default_factory=dict)
    workers: Mapping[str, Worker] = field(default_factory=dict)
    """By device."""
    hardware: Hardware | None = None
    histories: Histories = field(default_factory=dict)
    """Of the hardware's readings, while somebody looks at them."""
    found: Mapping[int, Job] | None = None
    """What a search through all jobs there have been has brought so far; None without one."""
    event_id: str = ""
    """Of the last snapshot."""

    @property
    def boot(self) -> str | None:
        return self.hello.boot if self.hello else None

    @property
    def unfinished(self) -> list[Job]:
        """As `in_order` has them."""
        turns = self.queue.turns if self.queue else ()
        return in_order((job for job in self.jobs.values() if not job.state.finished), turns)

    @property
    def running(self) -> list[Job]:
        """As `in_order` has them."""
        return in_order(job for job in self.jobs.values() if job.state is JobState.RUNNING)

    @property
    def finished(self) -> list[Job]:
        """The newest first."""
        found = (job for job in self.jobs.values() if job.state.finished)
        return sorted(found, key=_finished_key, reverse=True)

    @property
    def found_jobs(self) -> list[Job]:
        """The newest first, each as it is now."""
        return [self.jobs.get(id, job) for id, job in sorted((self.found or {}).items())][::-1]

    def job(self, id: int) -> Job | None:
        """One that is known, from wherever."""
        return self.jobs.get(id) or (self.found or {}).get(id)

    @property
    def clips(self) -> list[Job]:
        """Finished jobs with a video, the newest first."""
        return [job for job in self.finished if job.output is not None]

    @property
    def live_workers(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.state is not WorkerState.GONE]

    def download_of(self, model: str) -> Download | None:
        """The latest of a model's downloads, if it is not over and done with."""
        known = [item for item in self.downloads.values() if item.model == model]
        latest = max(known, key=lambda item: item.id, default=None)
        failed = latest is not None and latest.state is DownloadState.FAILED
        return latest if latest is not None and (failed or latest.state.open) else None

    @property
    def count(self) -> Mapping[JobState, int]:
        """Jobs by state: the daemon's count, or ours where it has not said."""
        return self.queue.counts if self.queue else {}


@dataclass(frozen=True)
class Cached:
    """The last snapshot of an earlier session, shown until the daemon answers."""

    status: Status


@dataclass(frozen=True)
class Connecting:
    pass


@dataclass(frozen=True)
class Snapshot:
    """Connected: what the daemon says of everything."""

    status: Status


@dataclass(frozen=True)
class Learned:
    """Whole objects of one boot, from events or replies."""

    boot: str
    objects: tuple[Reply, ...]


@dataclass(frozen=True)
class Found:
    """A page more of what is searched for; None ends the search."""

    boot: str
    jobs: tuple[Job, ...] | None


@dataclass(frozen=True)
class Lost:
    error: ErrorBody
    retry_at: float


Action = Cached | Connecting | Snapshot | Learned | Found | Lost


def reduce(state: State, action: Action) -> State:
    """The state after an action; the same object when nothing changed."""
    match action:
        case Cached(status):
            return state if state.hello else replace(_merged(state, status), stale=True)
        case Connecting():
            return replace(state, link=Link(Phase.CONNECTING, state.link.error))
        case Snapshot(status):
            known = _without_gone(state, status) if state.boot == status.hello.boot else State()
            return replace(_merged(known, status), link=Link(Phase.CONNECTED), stale=False)
        case Learned(boot, objects):
            return _learned(state, objects) if boot == state.boot else state
        case Found(boot, jobs):
            return _with_found(state, jobs) if boot == state.boot else state
        case Lost(error, retry_at):
            link = Link(Phase.DISCONNECTED, error, retry_at)
            return replace(state, link=link, stale=state.hello is not None)
        case _:
            assert_never(action)


def as_status(state: State) -> Status | None:
    """What is known as one snapshot, to be cached; None if nothing is."""
    if not (state.hello and state.queue and state.hardware):
        return None
    return Status(
        hello=state.hello,
        event_id=state.event_id,
        queue=state.queue,
        jobs=(*state.unfinished[:MAX_UNFINISHED], *state.finished[:MAX_FINISHED]),
        models=tuple(state.models.values()),
        downloads=tuple(state.downloads.values()),
        workers=tuple(state.workers.values()),
        hardware=state.hardware,
    )


def _merged(state: State, status: Status) -> State:
    several = (*status.jobs, *status.models, *status.downloads, *status.workers)
    objects = (*several, status.queue, status.hardware)
    merged = _learned(state, objects)
    return replace(merged, hello=status.hello, event_id=status.event_id, jobs=_trimmed(merged.jobs))


def _without_gone(state: State, status: Status) -> State:
    """Without what a snapshot of the same boot would name, and does not: it went unheard.

    A snapshot names all models and workers, unfinished jobs up to a number, and the newest of the
    finished ones: older ones may be known from pages of history, and stay.
    """
    told = {job.id for job in status.jobs}
    finished = [_finished_key(job) for job in status.jobs if job.state.finished]
    has_all_unfinished = len(status.jobs) - len(finished) < MAX_UNFINISHED
    oldest = min(finished) if len(finished) >= MAX_FINISHED else None

    def is_there(job: Job) -> bool:
        if job.state.finished:
            return oldest is not None and _finished_key(job) < oldest
        return not has_all_unfinished

    models = {model.id for model in status.models}
    devices = {worker.device for worker in status.workers}
    return replace(
        state,
        jobs={id: job for id, job in state.jobs.items() if id in told or is_there(job)},
        models={id: model for id, model in state.models.items() if id in models},
        workers={id: worker for id, worker in state.workers.items() if id in devices},
    )


def _learned(state: State, objects: Iterable[Reply]) -> State:
    for item in objects:
        state = _with(state, item)
    return state


_KEPT: dict[type[Reply], tuple[str, str]] = {
    Job: ("jobs", "id"),
    ModelStatus: ("models", "id"),
    Download: ("downloads", "id"),
    Worker: ("workers", "device"),
}
"""Objects of which there are many: where they are kept, and by what."""


def _with(state: State, item: Reply) -> State:
    if kept := _KEPT.get(type(item)):
        name, key = kept
        known = getattr(state, name)
        newer: Any = _newer(known, getattr(item, key), item)
        return state if newer is known else replace(state, **{name: newer})
    match item:
        case Queue():
            old = state.queue is not None and state.queue.rev >= item.rev
            return state if old else replace(state, queue=item, jobs=_explained(state.jobs, item))
        case Gone():
            left, found = _without(state.jobs, item), _without(state.found or {}, item)
            state = state if left is state.jobs else replace(state, jobs=left)
            return replace(state, found=found) if state.found else state
        case Hardware():
            before = state.hardware
            old = before is not None and before.measured_at >= item.measured_at
            if old:
                return state
            histories = extended(state.histories, before, item)
            return replace(state, hardware=item, histories=histories)
        case _:
            return state


def _without(jobs: Mapping[int, Job], gone: Gone) -> Mapping[int, Job]:
    """The same object where none of them was there."""
    left = {id: job for id, job in jobs.items() if id not in gone.jobs}
    return jobs if len(left) == len(jobs) else left


def _with_found(state: State, jobs: tuple[Job, ...] | None) -> State:
    if jobs is None:
        return replace(state, found=None)
    return replace(state, found={**(state.found or {}), **{job.id: job for job in jobs}})


class _Revised(Protocol):
    @property
    def rev(self) -> int: ...


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=_Revised)


def _newer(known: Mapping[K, V], key: K, item: V) -> Mapping[K, V]:
    before = known.get(key)
    return known if before is not None and before.rev >= item.rev else {**known, key: item}


def _explained(jobs: Mapping[int, Job], queue: Queue) -> Mapping[int, Job]:
    """With the reasons why they wait now; the same object when none is new."""
    told = {id: queue.explain(job) for id, job in jobs.items() if job.state is JobState.QUEUED}
    return {**jobs, **told} if any(told[id] is not jobs[id] for id in told) else jobs


def _trimmed(jobs: Mapping[int, Job]) -> Mapping[int, Job]:
    finished = [job for job in jobs.values() if job.state.finished]
    if len(finished) <= MAX_KEPT_FINISHED:
        return jobs
    finished.sort(key=_finished_key, reverse=True)
    gone = {job.id for job in finished[MAX_KEPT_FINISHED:]}
    return {id: job for id, job in jobs.items() if id not in gone}


def _finished_key(job: Job) -> tuple[float, int]:
    return job.finished_at or 0.0, job.id
