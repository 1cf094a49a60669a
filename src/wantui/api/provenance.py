"""What made a video: enough to make the same frames again."""

from __future__ import annotations

from collections.abc import Mapping

from wantui.api.base import Reply
from wantui.api.job import Params
from wantui.api.plan import Plan
from wantui.api.video import Encoding


class Provenance(Reply):
    """Kept beside a job's video, and as JSON in the video's own comment."""

    wantui: str
    """The version."""
    job: int
    """Its number at the daemon that made it."""
    model: str
    quality: str
    faithful: bool = True
    """Whether that quality trades no arithmetic for speed, and the weights are as published."""
    params: Params
    """All resolved, with the seed that was drawn."""
    weights: Mapping[str, str | None] = {}
    """What every file hashed to, sha256 or git's sha1, by its path relative to the repository,
    or by folder and name if it is elsewhere; None for one that was loaded unread."""
    plan: Plan
    encoding: Encoding | None = None
    """What the frames were written as, which decides none of them."""
    device: str
    """As torch names it."""
    versions: Mapping[str, str]
    """Of the packages that run models."""
