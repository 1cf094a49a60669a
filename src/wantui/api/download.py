"""Weights or an adapter in the hands of the fetcher: pulled, verified or repaired."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.adapter import PulledAdapter
from wantui.api.base import Reply
from wantui.api.error import ErrorBody
from wantui.api.plan import DType


class DownloadAction(StrEnum):
    PULL = "pull"
    """Bring what is not there."""
    VERIFY = "verify"
    """Read what is there and compare it with the publisher's digests; needs no network."""
    REPAIR = "repair"
    """Replace bad files, and only those."""
    CONVERT = "convert"
    """Rewrite the weights in the number format that a GPU loads them in."""


class Depth(StrEnum):
    """How closely weights are verified."""

    STRUCTURE = "structure"
    """Headers, indexes and folders; milliseconds, and no proof of the content."""
    CONTENT = "content"
    """Every byte is hashed; files that were proven and have not changed are not read again."""
    DEEP = "deep"
    """Every byte is read again, from the disk and not from memory."""


class DownloadState(StrEnum):
    QUEUED = "queued"
    """Waits for the one before it: one thing is pulled at a time, over many connections."""
    RUNNING = "running"
    PAUSED = "paused"
    """By a client, or because the disk is full: then `error` says so. What came is kept."""
    COMPLETED = "completed"
    """Pulled or repaired: every file proven, linked and pinned; an adapter checked and kept.
    Verified: none is bad. Converted: every file whole, hashed and on the disk.
    """
    FAILED = "failed"
    """What came is kept: pulling again goes on from there."""
    CANCELLED = "cancelled"
    """What came was removed, but for files that were whole."""

    @property
    def open(self) -> bool:
        return self in (DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.PAUSED)


class Source(Reply):
    """A repository at the commit that files of it are brought from."""

    repository: str
    commit: str
    license: str | None
    gated: bool


class Download(Reply):
    id: int
    rev: int
    action: DownloadAction = DownloadAction.PULL
    depth: Depth | None = None
    """Of a verification."""
    model: str | None
    """None for an adapter."""
    adapter: PulledAdapter | None = None
    repository: str | None
    """None for weights that are no repository's."""
    license: str | None = None
    """As the hub has it, once it was asked."""
    gated: bool = False
    """Whether the hub wants terms accepted first."""
    commit: str | None = None
    """Resolved when it begins, and kept from then on, whatever happens to the branch."""
    also: tuple[Source, ...] = ()
    """Further repositories that it brings files from, resolved with the first."""
    state: DownloadState
    bytes_done: int = 0
    """Of the files that are wanted: those that were there before included, or were read."""
    bytes_total: int | None = None
    bytes_per_second: float | None = None
    eta_s: float | None = None
    error: ErrorBody | None = None
    created_at: float
    finished_at: float | None = None

    @property
    def subject(self) -> str:
        """What it is about: a model's id, or what an adapter is called."""
        return self.adapter.called if self.adapter else self.model or ""

    @property
    def commits(self) -> dict[str, str]:
        """Of each repository that is resolved."""
        also = {source.repository: source.commit for source in self.also}
        if self.repository is None or self.commit is None:
            return also
        return {self.repository: self.commit, **also}


class Downloads(Reply):
    downloads: tuple[Download, ...]
    """Open ones in their order, then the latest that ended."""


class PullPlan(Reply):
    """What a pull would do, as the hub has it now."""

    model: str
    repository: str
    commit: str
    license: str | None
    gated: bool
    accept_at: str | None
    """The page on which to accept the terms, if the hub does not give the files to us."""
    also: tuple[Source, ...] = ()
    """Further repositories that files would come from."""
    files: int
    """To be fetched."""
    bytes_total: int
    bytes_to_fetch: int
    free_bytes: int
    """On the disk of the cache."""


class ConvertPlan(Reply):
    """What a conversion would do."""

    model: str
    dtype: DType
    components: tuple[str, ...]
    """To be rewritten; none where that is done, or the weights are published in this format."""
    bytes_to_write: int
    """Of their tensors, converted; the published files stay as they are."""
    bytes_read: int
    """That a load then no longer reads: those of their published files."""
    saved_s: float
    """About so much less a load from a disk that holds none of it in memory, in seconds."""
    used: bool
    """Whether a device of this machine loads this format; the CPU computes in float32."""
    free_bytes: int
    """On the disk of the converted weights."""
