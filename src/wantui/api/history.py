"""What became of one job, and when."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply


class Happened(StrEnum):
    ACCEPTED = "accepted"
    STARTED = "started"
    """An attempt."""
    RESUMED = "resumed"
    """The attempt goes on after steps that an earlier one kept."""
    QUEUED = "queued"
    """Again: the attempt ended without deciding the job."""
    HOLD_ASKED = "hold asked"
    CANCEL_ASKED = "cancel asked"
    """While it ran: its worker is told."""
    HELD = "held"
    RELEASED = "released"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HistoryEntry(Reply):
    at: float
    """Seconds since the epoch."""
    what: Happened
    attempt: int | None = None
    """The attempt that it happened in, or that it began."""
    note: str | None = None
    """Why, or where. Raw."""


class History(Reply):
    job: int
    entries: tuple[HistoryEntry, ...]
    """In the order that they happened."""
