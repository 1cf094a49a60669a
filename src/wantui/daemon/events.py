"""Fan-out of events: numbered, kept for late-comers, bounded for slow listeners."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from wantui.api.base import Reply
from wantui.api.event import EventId, EventKind, Notice
from wantui.errors import QueueFull
from wantui.settings import EventSettings


@dataclass(frozen=True)
class _Sent:
    seq: int
    frame: bytes


class _Subscriber:
    """One listener's backlog. One that is full is dropped whole: its owner starts over."""

    def __init__(self, backlog: list[_Sent], most: int) -> None:
        self._frames = deque(sent.frame for sent in backlog)
        self._most = most
        self._more = asyncio.Event()
        self.fell_behind = False
        if self._frames:
            self._more.set()

    def push(self, frame: bytes) -> None:
        if len(self._frames) >= self._most:
            self._frames.clear()
            self.fell_behind = True
        if not self.fell_behind:
            self._frames.append(frame)
        self._more.set()

    async def take(self, timeout_s: float) -> bytes | None:
        """All that waits as one piece; None if nothing came in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._more.wait()
        except TimeoutError:
            return None
        self._more.clear()
        piece = b"".join(self._frames)
        self._frames.clear()
        return piece


class Events:
    """All that happens in one life of the daemon, as server-sent event frames."""

    def __init__(self, settings: EventSettings) -> None:
        self.boot = secrets.token_hex(4)
        self._settings = settings
        self._seq = 0
        self._sent: deque[_Sent] = deque(maxlen=settings.history)
        self._subscribers: set[_Subscriber] = set()
        self._watched = asyncio.Event()
        self._closed = False

    @property
    def last_id(self) -> EventId:
        return EventId(self.boot, self._seq)

    @property
    def listeners(self) -> int:
        return len(self._subscribers)

    async def watched(self) -> None:
        """Returns once anyone listens."""
        await self._watched.wait()

    def publish(self, kind: EventKind, item: Reply) -> None:
        """Tell everyone; the object is dumped once."""
        self._seq += 1
        frame = _frame(kind, item, self.last_id)
        self._sent.append(_Sent(self._seq, frame))
        for subscriber in self._subscribers:
            subscriber.push(frame)

    def close(self, reason: str) -> None:
        """Say goodbye and end every stream."""
        self._closed = True
        self.publish(EventKind.GOODBYE, Notice(reason=reason))

    def subscribe(self, after: EventId | None) -> AsyncGenerator[bytes]:
        """Frames from now on, or from after an event that is still known; else `resync` first.

        Raises QueueFull when too many listen already.
        """
        if len(self._subscribers) >= self._settings.max_subscribers:
            raise QueueFull(
                f"{len(self._subscribers)} clients listen already",
                hint="close some, or raise [events] max_subscribers",
            )
        return self._stream(after)

    async def _stream(self, after: EventId | None) -> AsyncGenerator[bytes]:
        missed = self._since(after)
        subscriber = _Subscriber(missed or [], self._settings.subscriber_buffer)
        self._subscribers.add(subscriber)
        self._watched.set()
        try:
            yield b": wantui\n\n"
            if missed is None:
                yield self._resync("those events are no longer known")
            while True:
                piece = await subscriber.take(self._settings.heartbeat_s)
                if subscriber.fell_behind:
                    subscriber.fell_behind = False
                    yield self._resync("this client was too slow")
                elif piece is None:
                    yield b":\n\n"
                else:
                    yield piece
                if self._closed:
                    return
        finally:
            self._subscribers.discard(subscriber)
            if not self._subscribers:
                self._watched.clear()

    def _since(self, after: EventId | None) -> list[_Sent] | None:
        """What was sent after an id; None if it is of another boot or too long ago."""
        if after is None:
            return []
        oldest = self._seq - len(self._sent)
        if after.boot != self.boot or not oldest <= after.seq <= self._seq:
            return None
        return [sent for sent in self._sent if sent.seq > after.seq]

    def _resync(self, reason: str) -> bytes:
        return _frame(EventKind.RESYNC, Notice(reason=reason), self.last_id)


def _frame(kind: EventKind, item: Reply, id: EventId) -> bytes:
    return f"event: {kind}\nid: {id}\ndata: {item.model_dump_json()}\n\n".encode()
