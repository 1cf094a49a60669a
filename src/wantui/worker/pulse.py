"""What a worker is at and for how long, told by its reading thread while the other one works."""

from __future__ import annotations

import threading
import time

from wantui.pipe.messages import Heartbeat, Report, Step

BEAT_S = 1.0
"""Between two heartbeats of a worker that is at work; an idle one is silent."""


class Pulse:
    """Fed with what the working thread reports; read by the one that tells of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: Step | None = None
        self._since = time.monotonic()

    def begin(self) -> None:
        """An order was taken on."""
        with self._lock:
            self._at, self._since = None, time.monotonic()

    def note(self, report: Report) -> None:
        """The working thread got on, if that is what it reports."""
        if isinstance(report, Step):
            with self._lock:
                self._at, self._since = report, time.monotonic()

    def beat(self) -> Heartbeat:
        with self._lock:
            at, waited_s = self._at, time.monotonic() - self._since
        if at is None:
            return Heartbeat(stage=None, step=0, of=0, waited_s=waited_s)
        return Heartbeat(stage=at.stage, step=at.step, of=at.of, waited_s=waited_s)
