"""Several jobs at once, or another try of one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wantui.api.base import Reply, Request
from wantui.api.job import Job, JobRequest, Wishes

MAX_BATCH = 1000
KEY_HEADER = "Idempotency-Key"
"""Sent with a submission; the same key again is answered with the same jobs for a day at least."""
MAX_KEY_CHARACTERS = 255


class BatchRequest(Request):
    """Accepted as a whole or not at all."""

    jobs: Annotated[tuple[JobRequest, ...], Field(min_length=1, max_length=MAX_BATCH, strict=False)]


class Batch(Reply):
    jobs: tuple[Job, ...]
    """In the order in which they were asked for."""


class RetryRequest(Wishes):
    """What is to be other than it was; all else, the seed too, stays."""

    prompt: str | None = None
