"""Who answers: the first thing a client asks."""

from __future__ import annotations

from collections.abc import Mapping

from wantui.api.base import Reply


class Hello(Reply):
    version: str
    api_version: int
    pid: int
    uid: int
    """The user that the daemon runs as."""
    boot: str
    """New at every start of the daemon; the first half of event ids."""
    started_at: float
    """Seconds since the epoch."""
    socket: str
    engine_installed: bool
    """Whether the packages that run models are there."""
    engine: Mapping[str, str] = {}
    """Their versions, of those that are."""
