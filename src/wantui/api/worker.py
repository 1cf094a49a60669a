"""A process that holds a model on one device."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply


class WorkerState(StrEnum):
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    GONE = "gone"


class Worker(Reply):
    device: str
    """`cpu`, or a GPU's UUID: one worker a device."""
    device_name: str
    state: WorkerState
    pid: int | None
    model: str | None
    """The model it holds loaded."""
    job: int | None
    rss_bytes: int | None
    """Resident memory of its process, when asked for by `ps`."""
    started_at: float
    kept_until: float | None = None
    """When an idle one is let go, in seconds since the epoch; None while it is at work, and for one
    that is kept for good."""
    pinned: bool = False
    """Its model was loaded by hand: it is kept until then, or until it is unloaded."""
    rev: int


class Workers(Reply):
    workers: tuple[Worker, ...]
