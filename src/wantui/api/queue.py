"""Whether jobs are handed out, and how many there are."""

from __future__ import annotations

from wantui.api.base import Reply
from wantui.api.job import JobState


class Queue(Reply):
    paused: bool
    counts: dict[JobState, int]
    rev: int
