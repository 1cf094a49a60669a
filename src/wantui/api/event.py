"""What the daemon tells those who listen: whole objects, newest wins by `rev`.

Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): `event:` is a
kind below, `id:` is `<boot>.<seq>`, `data:` the object as JSON. A client that finds another boot or
a gap in seq, or gets `resync`, starts over from `/api/status`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Self

from wantui.api.base import Reply


class EventKind(StrEnum):
    JOB = "job"
    MODEL = "model"
    DOWNLOAD = "download"
    WORKER = "worker"
    QUEUE = "queue"
    GONE = "gone"
    """Jobs were removed."""
    HARDWARE = "hardware"
    """A reading of the machine, for those who ask for this kind: without an id, for it is soon old,
    and without `engine` while that is as it was."""
    RESYNC = "resync"
    """Events were missed: start over from `/api/status`."""
    GOODBYE = "goodbye"
    """The daemon is stopping."""


class EventId(NamedTuple):
    boot: str
    seq: int

    def __str__(self) -> str:
        return f"{self.boot}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None if it is not an id of ours."""
        boot, dot, seq = text.rpartition(".")
        return (
            cls(boot, int(seq))
            if dot and text.isascii() and boot.isalnum() and seq.isdigit() and len(seq) < 19
            else None
        )


class Notice(Reply):
    """The object of `resync` and `goodbye`."""

    reason: str
