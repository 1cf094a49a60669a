"""The worker's end of the pipe: a thread that reads orders, and the way reports go up."""

from __future__ import annotations

import queue
import socket
import threading
from dataclasses import dataclass

import pydantic

from wantui.pipe.framing import decode_order, encode
from wantui.pipe.messages import Generate, Load, Report, Stop
from wantui.process import leave
from wantui.worker.lines import Lines
from wantui.worker.pulse import BEAT_S, Pulse
from wantui.worker.stop import StopFlag


@dataclass(frozen=True)
class Attempt:
    """An order to generate, and the flag that a later order may set."""

    order: Generate
    stop: StopFlag


class Channel:
    """One socket, shared by the thread that works and the thread that listens.

    Stop must be heard while a step runs, and the daemon's end must end the worker at once, so the
    reading never waits for the work. The reading thread is also the one whose heartbeats tell a
    worker that hangs from one that takes its time.
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._work: queue.SimpleQueue[Attempt | Load | None] = queue.SimpleQueue()
        self._open: dict[int, Attempt] = {}
        self._loads = 0
        """Orders to load that are not carried out yet."""
        self._pulse = Pulse()
        self._lock = threading.Lock()
        self._sending = threading.Lock()

    def listen(self) -> None:
        """Start the thread that reads orders."""
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def next_work(self) -> Attempt | Load | None:
        """Wait for work; None once the daemon says that nothing is to come."""
        work = self._work.get()
        self._pulse.begin()
        return work

    def finish(self, attempt: Attempt, report: Report) -> None:
        """Send an attempt's last report; an order to stop it means nothing from here on."""
        with self._lock:
            if self._open.get(attempt.order.job) is attempt:
                del self._open[attempt.order.job]
        self.report(report)

    def loaded(self, report: Report) -> None:
        """Send the last report of an order to load."""
        with self._lock:
            self._loads -= 1
        self.report(report)

    def report(self, report: Report) -> None:
        """Send a report, from any thread; a daemon that is not there any more ends the worker."""
        self._pulse.note(report)
        try:
            with self._sending:
                self._socket.sendall(encode(report))
        except OSError:
            leave(1)

    def _read(self) -> None:
        lines = Lines(self._socket)
        while (line := lines.next(BEAT_S if self._at_work else None)) != b"":
            if line is None:
                self._beat()
                continue
            try:
                order = decode_order(line)
            except pydantic.ValidationError:
                leave(1)  # a peer that speaks another language; what it wants cannot be guessed
            if isinstance(order, Generate):
                self._accept(order)
            elif isinstance(order, Load):
                self._load(order)
            elif isinstance(order, Stop):
                self._stop(order)
            else:
                self._work.put(None)
        leave(0)

    @property
    def _at_work(self) -> bool:
        return bool(self._open or self._loads)

    def _beat(self) -> None:
        """Under the lock, so that none comes after an order's last report."""
        with self._lock:
            if self._at_work:
                self.report(self._pulse.beat())

    def _accept(self, order: Generate) -> None:
        attempt = Attempt(order, StopFlag())
        with self._lock:
            self._open[order.job] = attempt
        self._work.put(attempt)

    def _load(self, order: Load) -> None:
        with self._lock:
            self._loads += 1
        self._work.put(order)

    def _stop(self, order: Stop) -> None:
        with self._lock:
            attempt = self._open.get(order.job)
        if attempt is not None:
            attempt.stop.order()
