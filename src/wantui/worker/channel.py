"""The worker's end of the pipe: a thread that reads orders, and the way reports go up."""

from __future__ import annotations

import queue
import socket
import threading
from dataclasses import dataclass
from typing import BinaryIO

import pydantic

from wantui.pipe.framing import MAX_LINE_BYTES, decode_order, encode
from wantui.pipe.messages import Generate, Report, Stop
from wantui.process import leave
from wantui.worker.stop import StopFlag


@dataclass(frozen=True)
class Attempt:
    """An order to generate, and the flag that a later order may set."""

    order: Generate
    stop: StopFlag


class Channel:
    """One socket, shared by the thread that works and the thread that listens.

    Stop must be heard while a step runs, and the daemon's end must end the worker at once, so the
    reading never waits for the work.
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._attempts: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self._open: dict[int, Attempt] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()

    def listen(self) -> None:
        """Start the thread that reads orders."""
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def next_attempt(self) -> Attempt | None:
        """Wait for work; None once the daemon says that nothing is to come."""
        return self._attempts.get()

    def finish(self, attempt: Attempt, report: Report) -> None:
        """Send an attempt's last report; an order to stop it means nothing from here on."""
        with self._lock:
            if self._open.get(attempt.order.job) is attempt:
                del self._open[attempt.order.job]
        self.report(report)

    def report(self, report: Report) -> None:
        """Send a report, from any thread; a daemon that is not there any more ends the worker."""
        try:
            with self._sending:
                self._socket.sendall(encode(report))
        except OSError:
            leave(1)

    def _read(self) -> None:
        lines = self._socket.makefile("rb")
        while line := _line(lines):
            try:
                order = decode_order(line)
            except pydantic.ValidationError:
                leave(1)  # a peer that speaks another language; what it wants cannot be guessed
            if isinstance(order, Generate):
                self._accept(order)
            elif isinstance(order, Stop):
                self._stop(order)
            else:
                self._attempts.put(None)
        leave(0)

    def _accept(self, order: Generate) -> None:
        attempt = Attempt(order, StopFlag())
        with self._lock:
            self._open[order.job] = attempt
        self._attempts.put(attempt)

    def _stop(self, order: Stop) -> None:
        with self._lock:
            attempt = self._open.get(order.job)
        if attempt is not None:
            attempt.stop.order()


def _line(lines: BinaryIO) -> bytes:
    """The next one; empty when the daemon is gone, however it went."""
    try:
        return lines.readline(MAX_LINE_BYTES)
    except ConnectionError:
        return b""
