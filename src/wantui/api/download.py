"""A recipe's files on their way from the hub."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply
from wantui.api.error import ErrorBody


class DownloadState(StrEnum):
    QUEUED = "queued"
    """Waits for the one before it: one repository is pulled at a time, over many connections."""
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    """By a client, or because the disk is full: then `error` says so. What came is kept."""
    COMPLETED = "completed"
    """Every file proven against the hub's digest, linked and pinned."""
    FAILED = "failed"
    """What came is kept: pulling again goes on from there."""
    CANCELLED = "cancelled"
    """What came was removed, but for files that were whole."""

    @property
    def open(self) -> bool:
        return self in (DownloadState.QUEUED, DownloadState.DOWNLOADING, DownloadState.PAUSED)


class Download(Reply):
    id: int
    rev: int
    model: str
    repository: str
    commit: str | None = None
    """Resolved when it begins, and kept from then on, whatever happens to the branch."""
    state: DownloadState
    bytes_done: int = 0
    """Of the files that are wanted, those that were there before included."""
    bytes_total: int | None = None
    bytes_per_second: float | None = None
    eta_s: float | None = None
    error: ErrorBody | None = None
    created_at: float
    finished_at: float | None = None


class Downloads(Reply):
    downloads: tuple[Download, ...]
    """Open ones in their order, then the latest that ended."""
