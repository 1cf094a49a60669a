"""The life of a process that carries out one order: its reports, and an end at any moment."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

from pydantic import ValidationError

from wantui.api.error import ErrorBody
from wantui.errors import CacheUnusable, FetchError, WantuiError
from wantui.log_lines import LineFormatter
from wantui.pipe.fetch import (
    Fetched,
    FetchFailed,
    Fetching,
    FetchOrder,
    FetchReport,
    Halted,
    fetch_order,
)
from wantui.pipe.framing import MAX_LINE_BYTES, encode
from wantui.process import leave

TELL_S = 0.1
"""Progress is told so often at most."""


class Stopped(Exception):
    """The daemon wants it to end; everything that came is written down."""


class Work(Protocol):
    """What such a process lives for. `stop` comes from another thread."""

    def run(self) -> Fetched: ...

    def stop(self) -> None: ...


WorkOf = Callable[[FetchOrder, Callable[[FetchReport], None]], Work | None]
"""What an order is carried out by; None for one that is not for this process."""


def serve(pipe: socket.socket, work_of: WorkOf) -> None:
    """Carry out the one order that comes; returns when that is done, and said."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs addresses, signatures too
    lines = pipe.makefile("rb")
    order = fetch_order.validate_json(lines.readline(MAX_LINE_BYTES))
    speaker = _Speaker(pipe)
    work = work_of(order, speaker.tell)
    if work is None:
        return
    threading.Thread(
        target=_listen, args=(lines, work, speaker), name="orders", daemon=True
    ).start()
    speaker.tell(_carried_out(work))


def _carried_out(work: Work) -> FetchReport:
    try:
        return work.run()
    except Stopped:
        return Halted()
    except WantuiError as error:
        return FetchFailed(error=ErrorBody.of(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        unusable = CacheUnusable(f"{where}{error.strerror or error}")
        return FetchFailed(error=ErrorBody.of(unusable))
    except Exception as error:
        logging.getLogger(__name__).exception("it failed")
        unknown = FetchError(f"{type(error).__name__}: {error}")
        return FetchFailed(error=ErrorBody.of(unknown))


def _listen(lines: io.BufferedReader, work: Work, speaker: _Speaker) -> None:
    """Anything that comes now, and the daemon's end, mean that this is to end."""
    with contextlib.suppress(OSError, ValidationError):
        lines.readline(MAX_LINE_BYTES)
    work.stop()
    speaker.tell(Halted())
    leave(0)  # a thread that waits for a silent server need not be waited for


class _Speaker:
    """Tells the daemon what happens, and of progress no more than can be read."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._told_at = 0.0

    def tell(self, report: FetchReport) -> None:
        """A daemon that is not there any more ends the process."""
        with self._lock:
            if isinstance(report, Fetching) and report.done < report.total:
                now = time.monotonic()
                if now - self._told_at < TELL_S:
                    return
                self._told_at = now
            try:
                self._pipe.sendall(encode(report))
            except OSError:
                leave(1)
