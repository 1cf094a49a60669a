"""Bytes from the hub into a part: ranges, patience with a bad line, one limit for all of it."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator

import httpcore2
import httpx2
from huggingface_hub.utils._http import get_session

from wantui.errors import FetchError, HubUnreachable
from wantui.fetcher.halt import Stopped
from wantui.fetcher.hub import Location, RemoteFile, of_status
from wantui.fetcher.part import Part, Segment
from wantui.fetcher.patience import LATER, Patience, may_pass, pause

READ_BYTES = 1 << 20
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_RATE_LIMIT = re.compile(r"\bt=(\d+)")
"""Seconds until the window of `RateLimit: "api";r=0;t=42` opens (draft-ietf-httpapi-ratelimit)."""
_STALE = (401, 403, 404, 410, 416)
"""From a signed address: it ran out, or points at another file; the hub is asked for a new one."""

log = logging.getLogger(__name__)


class Throttle:
    """At most so many bytes a second over all threads; None for as many as come."""

    def __init__(self, bytes_a_second: int | None) -> None:
        self._rate = bytes_a_second
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def take(self, count: int, stop: threading.Event) -> None:
        """Wait until `count` bytes may be read. Raises Stopped."""
        if self._rate is None:
            return
        with self._lock:
            start = max(self._free_at, time.monotonic())
            self._free_at = start + count / self._rate
        if stop.wait(max(start - time.monotonic(), 0.0)):
            raise Stopped


class Transfer:
    """Fills the segments of one part; `locate` says where the file's bytes are just now."""

    def __init__(
        self,
        file: RemoteFile,
        part: Part,
        locate: Callable[[], Location],
        *,
        patience: Patience,
        throttle: Throttle,
        stop: threading.Event,
        on_bytes: Callable[[int], None],
    ) -> None:
        self._file = file
        self._part = part
        self._locate = locate
        self._patience = patience
        self._throttle = throttle
        self._stop = stop
        self._on_bytes = on_bytes
        self._lock = threading.Lock()
        self._location: Location | None = None

    def fill(self, segment: Segment) -> None:
        """Until all bytes of the segment are there. Raises FetchError, DiskFull or Stopped."""
        failures = 0
        while not segment.done:
            before = segment.at
            try:
                self._read(segment)
            except _Trouble as trouble:
                failures = 1 if segment.at > before else failures + 1
                if failures >= self._patience.tries:
                    raise trouble.error from trouble
                log.info("%s: %s; again", self._file.path, trouble.error.message)
                pause(failures, trouble.wait_s, self._stop)

    def _read(self, segment: Segment) -> None:
        """One request for the rest of a segment. Raises _Trouble if another may do better."""
        location = self._where()
        headers = location.headers | {"Range": f"bytes={segment.at}-{segment.end - 1}"}
        timeout = httpx2.Timeout(self._patience.stall_s)
        try:
            with get_session().stream(
                "GET", location.url, headers=headers, timeout=timeout
            ) as response:
                for content in self._content(response, segment):
                    self._part.write(segment, content)
                    self._on_bytes(len(content))
        except (httpx2.HTTPError, httpcore2.TimeoutException, httpcore2.NetworkError) as error:
            raise _Trouble(HubUnreachable(f"{self._file.path}: {_reason(error)}")) from error
        if not segment.done:
            raise _Trouble(HubUnreachable(f"{self._file.path}: the answer ended too early"))

    def _content(self, response: httpx2.Response, segment: Segment) -> Iterator[bytes]:
        """The segment's bytes and no others, whatever the server makes of the range."""
        skip = self._skip(response, segment)
        for piece in _body(response, self._patience.stall_s):
            if self._stop.is_set():
                raise Stopped
            self._throttle.take(len(piece), self._stop)
            content = piece[skip : skip + segment.end - segment.at]
            skip = max(skip - len(piece), 0)
            if content:
                yield content
            if segment.done:
                return

    def _skip(self, response: httpx2.Response, segment: Segment) -> int:
        """How many bytes of the body come before those that are wanted."""
        status = response.status_code
        if status == 206:
            told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if told and (int(told[1]), int(told[3])) == (segment.at, self._part.size):
                return 0
            self._forget_location()
            raise _Trouble(HubUnreachable(f"{self._file.path}: other bytes than asked for"))
        if status == 200:  # a server that knows no ranges sends all of it
            return segment.at
        error = of_status(self._file.path, status)
        if status in _STALE:
            self._forget_location()
        elif status not in LATER:
            raise error
        raise _Trouble(error, _told_to_wait_s(response))

    def _where(self) -> Location:
        """The address, asked for once for all segments."""
        with self._lock:
            if self._location is None:
                try:
                    self._location = self._locate()
                except FetchError as error:
                    if may_pass(error):
                        raise _Trouble(error) from error
                    raise
            return self._location

    def _forget_location(self) -> None:
        with self._lock:
            self._location = None


def _body(response: httpx2.Response, stall_s: float) -> Iterator[bytes]:
    """The body: its beginning through the client, the rest straight from the connection.

    httpcore and h11 take 64 KiB at a time through three buffers; that costs more than everything
    else in a pull together. Once the first piece is out, they hold nothing back: h11 gives all
    that it has. The connection cannot be used again, and is closed with the response.
    """
    pieces = response.iter_raw()
    left = int(response.headers.get("Content-Length", 0))
    framed = "Transfer-Encoding" in response.headers or response.http_version != "HTTP/1.1"
    if framed or not left:
        yield from pieces
        return
    connection = response.extensions["network_stream"]
    piece = next(pieces, b"")
    while piece:
        yield piece
        left -= len(piece)
        piece = connection.read(min(left, READ_BYTES), stall_s) if left else b""


class _Trouble(Exception):
    """Worth another try, after the wait that the server asked for, if it did."""

    def __init__(self, error: FetchError, wait_s: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait_s = wait_s


def _told_to_wait_s(response: httpx2.Response) -> float | None:
    """From Retry-After (RFC 9110, seconds only) or RateLimit; at most a few minutes."""
    after = response.headers.get("Retry-After", "")
    limit = _RATE_LIMIT.search(response.headers.get("RateLimit", ""))
    told = after if after.isdecimal() else limit[1] if limit else ""
    return min(float(told), 300.0) if told else None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
