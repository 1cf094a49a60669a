"""A fetcher's life: one order, its reports, and an end at any moment that the daemon wants."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
import time
from pathlib import Path

from pydantic import ValidationError

from wantui.api.error import ErrorBody
from wantui.errors import FetchError, WantuiError
from wantui.fetcher.hub import listing
from wantui.fetcher.patience import Patience, Stopped, patiently
from wantui.fetcher.pull import Limits, Pull, Told
from wantui.pipe.fetch import (
    Fetched,
    FetchFailed,
    Fetching,
    FetchReport,
    Halted,
    Listed,
    PullFiles,
    fetch_order,
)
from wantui.pipe.framing import MAX_LINE_BYTES, encode
from wantui.process import leave

TELL_S = 0.1
"""Progress is told so often at most."""


def serve(pipe: socket.socket) -> None:
    """Carry out the one order that comes; returns when that is done, and said."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    lines = pipe.makefile("rb")
    order = fetch_order.validate_json(lines.readline(MAX_LINE_BYTES))
    if isinstance(order, PullFiles):
        report = _Service(pipe).carry_out(order, lines)
        _send(pipe, report)


class _Service:
    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._halting = threading.Event()
        self._pull: Pull | None = None
        self._told_at = 0.0
        self._fetched = 0

    def carry_out(self, order: PullFiles, lines: io.BufferedReader) -> FetchReport:
        threading.Thread(target=self._listen, args=(lines,), name="orders", daemon=True).start()
        try:
            folder = self._run(order)
        except Stopped:
            return Halted()
        except WantuiError as error:
            return FetchFailed(error=ErrorBody.of(error))
        except Exception as error:
            logging.getLogger(__name__).exception("the pull failed")
            unknown = FetchError(f"{type(error).__name__}: {error}")
            return FetchFailed(error=ErrorBody.of(unknown))
        return Fetched(folder=str(folder), fetched=self._fetched)

    def _run(self, order: PullFiles) -> Path:
        patience = Patience(stall_s=order.stall_s, tries=order.tries)
        found = patiently(
            lambda: listing(order.repository, order.revision), patience, self._halting
        )
        limits = Limits(order.connections, order.bytes_a_second, patience)
        pull = Pull(found, order.paths, Path(order.hub_cache), limits, self._progress)
        self._pull = pull
        if self._halting.is_set():
            raise Stopped
        _send(
            self._pipe,
            Listed(commit=found.commit, license=found.license, gated=found.gated, total=pull.total),
        )
        return pull.run()

    def _listen(self, lines: io.BufferedReader) -> None:
        """Anything that comes now, and the daemon's end, mean that this is to end."""
        with contextlib.suppress(OSError, ValidationError):
            lines.readline(MAX_LINE_BYTES)
        self._halting.set()
        if self._pull is not None:
            self._pull.stop()
        _send(self._pipe, Halted())
        leave(0)  # a thread that waits for a silent server need not be waited for

    def _progress(self, told: Told) -> None:
        self._fetched = told.fetched
        now = time.monotonic()
        if now - self._told_at >= TELL_S or told.done == told.total:
            self._told_at = now
            _send(self._pipe, Fetching(done=told.done, total=told.total, fetched=told.fetched))


def _send(pipe: socket.socket, report: FetchReport) -> None:
    """A daemon that is not there any more ends the fetcher."""
    try:
        pipe.sendall(encode(report))
    except OSError:
        leave(1)
