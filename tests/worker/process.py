"""The real worker process at the other end of a socketpair, as the daemon holds it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, TypeVar

from tests.worker.orders import environment
from wantui.pipe.framing import decode_report, encode
from wantui.pipe.messages import (
    Completed,
    Failed,
    Generate,
    Order,
    Ready,
    Report,
    Step,
    Stopped,
)

R = TypeVar("R", bound=Report)
Last = Completed | Stopped | Failed


class WorkerProcess:
    """Send orders, read reports one at a time; every wait ends with a report or with the pipe."""

    def __init__(self, patience_s: float = 100.0) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "wantui.worker"),
                    *("--fd", str(theirs.fileno()), "--parent", str(os.getpid())),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment(),
            )
        ours.settimeout(patience_s)
        self.socket = ours
        self._lines: IO[bytes] = ours.makefile("rb")
        self.ready: Ready | None = None

    def send(self, order: Order) -> None:
        self.socket.sendall(encode(order))

    def report(self) -> Report | None:
        """The next one; None once the worker has closed its end."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return None
        return decode_report(line) if line else None

    def wait_for(self, kind: type[R]) -> R:
        """Skip reports up to one of a kind."""
        while (report := self.report()) is not None:
            if isinstance(report, kind):
                return report
        raise AssertionError(f"the worker ended before it reported {kind.__name__}")

    def wait_for_step(self, stage: str, step: int) -> Step:
        while True:
            report = self.wait_for(Step)
            if (report.stage, report.step) == (stage, step):
                return report

    def run(self, order: Generate) -> list[Report]:
        """All reports of one order, its last one included."""
        self.send(order)
        reports: list[Report] = []
        while not (reports and isinstance(reports[-1], Last)):
            report = self.report()
            assert report is not None, "the worker ended in the middle of a job"
            reports.append(report)
        return reports

    def complete(self, order: Generate) -> Completed:
        last = self.run(order)[-1]
        assert isinstance(last, Completed), last
        return last

    def fail(self, order: Generate) -> Failed:
        last = self.run(order)[-1]
        assert isinstance(last, Failed), last
        return last

    def hang_up(self) -> None:
        """Close our end, as the end of the daemon does."""
        self._lines.close()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@contextlib.contextmanager
def started(patience_s: float = 100.0) -> Iterator[WorkerProcess]:
    """A worker that is ready; it is killed at the end if it is still there.

    `patience_s` is how long a report may take.
    """
    worker = WorkerProcess(patience_s)
    try:
        worker.ready = worker.wait_for(Ready)
        yield worker
    finally:
        worker.process.kill()
        worker.process.communicate()
        with contextlib.suppress(OSError):
            worker.hang_up()
