"""Jobs that are removed from the history, with all that lies in their folders."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from wantui.api.base import Reply, Request
from wantui.api.job import JobState


class CleanRequest(Request):
    """Which ones: those named, else the finished ones that everything here is true of."""

    jobs: Annotated[tuple[int, ...], Field(strict=False)] = ()
    """These, with their videos, and nothing else."""
    older_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Ended so many seconds ago or earlier."""
    videos: bool = False
    """Also those that have a video: without this it is failed and cancelled ones only."""
    label: str | None = None
    model: str | None = None
    checkpoints: bool = False
    """Only what they could be gone on from: the jobs stay."""


class What(StrEnum):
    JOB = "job"
    """Its place in the history, and its folder."""
    CHECKPOINT = "checkpoint"


class Cleaned(Reply):
    job: int
    what: What
    state: JobState
    video: bool
    """Whether a video goes with it."""
    freed_bytes: int


class Cleaning(Reply):
    done: bool
    """False for a plan."""
    items: tuple[Cleaned, ...]
    """The oldest first."""
    freed_bytes: int


class Gone(Reply):
    """The object of the event `gone`: these jobs are no more."""

    jobs: tuple[int, ...]
