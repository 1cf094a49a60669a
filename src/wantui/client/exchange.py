"""One request and its answer: HTTP/1.1, in the words of h11, over the daemon's Unix socket.

Every exchange has a connection of its own. On a Unix socket one costs microseconds, and none is
found dead because the daemon closed it meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import h11

from wantui.errors import DaemonUnreachable, TimedOut
from wantui.peer import peer_uid

RECEIVE_BYTES = 1 << 16
Query = Mapping[str, str | int | float | bool | None]
_HEADERS = {"Host": "wantui", "Connection": "close"}


def target_of(path: str, query: Query | None) -> str:
    """With the values that are given; a truth value as JSON has it."""
    values = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in (query or {}).items()
        if value is not None
    }
    return f"{path}?{urlencode(values)}" if values else path


class Answer:
    """What the daemon said; its body may be read once."""

    def __init__(self, line: _Line, status: int) -> None:
        self._line = line
        self.status = status

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes. Raises DaemonUnreachable when it breaks off, and TimedOut."""
        while isinstance(event := await self._line.receive(), h11.Data):
            yield bytes(event.data)

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.pieces()])


@contextlib.asynccontextmanager
async def exchange(
    path: Path,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None,
    body: bytes | AsyncIterable[bytes],
    silence_s: float,
    owner: int,
) -> AsyncIterator[Answer]:
    """Send a request to the socket at `path`; the answer can be read while this is open.

    A body that is no `bytes` needs its Content-Length among the headers. `silence_s` is how long
    the daemon may neither take nor send anything. Nothing is said to a daemon of another user than
    `owner` and root. Raises DaemonUnreachable and TimedOut.
    """
    length = {"Content-Length": str(len(body))} if isinstance(body, bytes) else {}
    fields = {**_HEADERS, **length, **(headers or {})}
    request = h11.Request(method=method, target=target, headers=list(fields.items()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        line = await _Line.to(path, end, silence_s)
        if (uid := peer_uid(end)) not in (owner, 0):
            raise DaemonUnreachable(
                f"what listens at {path} belongs to uid {uid}, the socket to uid {owner}",
                hint="do not talk to it: someone took the daemon's place",
            )
        with contextlib.suppress(DaemonUnreachable):  # it may answer, and close, before the end
            await line.send(request)
            async for piece in _pieces_of(body):
                await line.send(h11.Data(data=piece))
            await line.send(h11.EndOfMessage())
        yield Answer(line, await _status(line))


class _Line:
    """A connected socket, and what is HTTP in its bytes."""

    def __init__(self, end: socket.socket, silence_s: float) -> None:
        self._socket = end
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def to(cls, path: Path, end: socket.socket, silence_s: float) -> _Line:
        end.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(end, str(path))
        except OSError as error:
            raise DaemonUnreachable("no daemon answers") from error
        return cls(end, silence_s)

    async def send(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            with _typed_failures():
                async with asyncio.timeout(self._silence_s):
                    await self._loop.sock_sendall(self._socket, data)

    async def receive(self) -> h11.Event:
        with _typed_failures():
            while not isinstance(event := self._http.next_event(), h11.Event):
                async with asyncio.timeout(self._silence_s):
                    data = await self._loop.sock_recv(self._socket, RECEIVE_BYTES)
                self._http.receive_data(data)
        return event


async def _status(line: _Line) -> int:
    while not isinstance(event := await line.receive(), h11.Response):
        if not isinstance(event, h11.InformationalResponse):
            raise DaemonUnreachable("the daemon went away")
    return event.status_code


async def _pieces_of(body: bytes | AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    async for piece in body:
        yield piece


@contextlib.contextmanager
def _typed_failures() -> Iterator[None]:
    """Of the line only: a body may be read from a file, which has failures of its own."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut("the daemon did not answer in time") from error
    except (OSError, h11.RemoteProtocolError) as error:
        raise DaemonUnreachable("the daemon went away") from error
