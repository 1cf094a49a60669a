"""Fan-out of events: numbered, kept for late-comers, bounded for slow listeners."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass

from wantui.api.base import Reply
from wantui.api.event import EventId, EventKind, Notice
from wantui.errors import QueueFull
from wantui.settings import EventSettings

READINGS = frozenset({EventKind.HARDWARE})
"""Sent only to those who asked for them: they are taken for who watches, and soon old."""
TO_ALL = frozenset({EventKind.RESYNC, EventKind.GOODBYE})


@dataclass(frozen=True)
class _Sent:
    seq: int
    kind: EventKind
    frame: bytes


class _Subscriber:
    """One listener's backlog. One that is full is dropped whole: its owner starts over."""

    def __init__(self, kinds: Collection[EventKind], backlog: list[_Sent], most: int) -> None:
        self.kinds = frozenset(kinds)
        self._frames = deque(sent.frame for sent in backlog if self.takes(sent.kind))
        self._most = most
        self._more = asyncio.Event()
        self.fell_behind = False
        if self._frames:
            self._more.set()

    def takes(self, kind: EventKind) -> bool:
        """Without kinds it takes all but readings."""
        return kind in (self.kinds or frozenset(EventKind) - READINGS) or kind in TO_ALL

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
        self._read = asyncio.Event()
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

    async def readings_wanted(self) -> None:
        """Returns once anyone listens for readings."""
        await self._read.wait()

    def publish(self, kind: EventKind, item: Reply) -> None:
        """Tell everyone who takes such; the object is dumped once."""
        self._seq += 1
        frame = _frame(kind, item, self.last_id)
        self._sent.append(_Sent(self._seq, kind, frame))
        self._push(kind, frame)

    def publish_reading(self, kind: EventKind, item: Reply) -> None:
        """Tell those who asked. It has no number, and nobody who comes later hears of it."""
        self._push(kind, _frame(kind, item))

    def _push(self, kind: EventKind, frame: bytes) -> None:
        for subscriber in self._subscribers:
            if subscriber.takes(kind):
                subscriber.push(frame)

    def close(self, reason: str) -> None:
        """Say goodbye and end every stream."""
        self._closed = True
        self.publish(EventKind.GOODBYE, Notice(reason=reason))

    def subscribe(
        self, after: EventId | None, kinds: Collection[EventKind] = ()
    ) -> AsyncGenerator[bytes]:
        """Frames from now on, or from after an event that is still known; else `resync` first.

        Of these kinds, or of all but readings. Raises QueueFull when too many listen already.
        """
        if len(self._subscribers) >= self._settings.max_subscribers:
            raise QueueFull(
                f"{len(self._subscribers)} clients listen already",
                hint="close some, or raise [events] max_subscribers",
            )
        return self._stream(after, kinds)

    async def _stream(
        self, after: EventId | None, kinds: Collection[EventKind]
    ) -> AsyncGenerator[bytes]:
        missed = self._since(after)
        subscriber = _Subscriber(kinds, missed or [], self._settings.subscriber_buffer)
        self._subscribers.add(subscriber)
        self._count()
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
            self._count()

    def _count(self) -> None:
        """Tell who waits for listeners that there are some, or none any more."""
        reading = any(not READINGS.isdisjoint(each.kinds) for each in self._subscribers)
        for event, wanted in ((self._watched, bool(self._subscribers)), (self._read, reading)):
            if wanted:
                event.set()
            else:
                event.clear()

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


def _frame(kind: EventKind, item: Reply, id: EventId | None = None) -> bytes:
    number = "" if id is None else f"id: {id}\n"
    return f"event: {kind}\n{number}data: {item.model_dump_json()}\n\n".encode()
