"""The one owner of the connection: follows the daemon, finds it again, and carries requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wantui.api.error import ErrorBody
from wantui.api.event import EventKind, Notice
from wantui.api.status import Status
from wantui.client import Address, Client, Event, open_client
from wantui.errors import DaemonUnreachable, WantuiError
from wantui.paths import Paths
from wantui.tui import cache
from wantui.tui.state import Action, Cached, Connecting, Learned, Lost, Snapshot

FIRST_DELAY_S = 0.5
LAST_DELAY_S = 8.0

T = TypeVar("T")


class Bridge:
    """Tells `dispatch` what happens. Starts a daemon at first, later only on request."""

    def __init__(self, paths: Paths, dispatch: Callable[[Action], None]) -> None:
        self._paths = paths
        self._dispatch = dispatch
        self._address = Address.find(paths)
        self._client: Client | None = None
        self._boot = ""
        self._delay_s = FIRST_DELAY_S
        self._may_start = True
        self._wake = asyncio.Event()
        self._said_goodbye = ""

    def paint_cached(self) -> None:
        """What was true when somebody last looked."""
        if status := cache.load(self._paths, self._address.socket):
            self._dispatch(Cached(status))

    async def run(self) -> None:
        while True:
            self._wake.clear()
            self._dispatch(Connecting())
            error = await self._connection()
            delay_s = self._delay_s
            self._delay_s = min(delay_s * 2, LAST_DELAY_S)
            retry_at = asyncio.get_running_loop().time() + delay_s
            self._dispatch(Lost(ErrorBody.of(error), retry_at))
            await self._pause(delay_s)

    def retry(self, *, start: bool = False) -> None:
        """Try again now; with `start`, start a daemon if none answers."""
        self._may_start = self._may_start or start
        self._delay_s = FIRST_DELAY_S
        self._wake.set()

    async def call(self, request: Callable[[Client], Awaitable[T]]) -> T:
        """Carry out one request. Raises the daemon's typed errors, DaemonUnreachable without it."""
        if self._client is None:
            raise DaemonUnreachable("not connected to the daemon", hint="wait, or start it")
        return await request(self._client)

    @property
    def client(self) -> Client:
        """For what is streamed. Raises DaemonUnreachable."""
        if self._client is None:
            raise DaemonUnreachable("not connected to the daemon", hint="wait, or start it")
        return self._client

    @property
    def address(self) -> Address:
        return self._address

    @property
    def boot(self) -> str:
        """The daemon's life that replies belong to."""
        return self._boot

    async def _connection(self) -> WantuiError:
        """Follow one connection to its end, and say why it ended."""
        start, self._may_start = self._may_start, False
        self._said_goodbye = ""
        try:
            async with open_client(self._paths, start=start) as client:
                self._client = client
                async with contextlib.aclosing(client.follow()) as items:
                    async for item in items:
                        await self._take(item)
        except WantuiError as error:
            return error
        finally:
            self._client = None
        return DaemonUnreachable(self._said_goodbye or "the daemon ended the connection")

    async def _take(self, item: Status | Event) -> None:
        if isinstance(item, Status):
            self._boot = item.hello.boot
            self._delay_s = FIRST_DELAY_S
            self._dispatch(Snapshot(item))
            await asyncio.to_thread(cache.save, self._paths, item)
        elif item.kind is EventKind.GOODBYE and isinstance(item.object, Notice):
            self._said_goodbye = item.object.reason
        else:
            self._dispatch(Learned(item.id.boot if item.id else self._boot, (item.object,)))

    async def _pause(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
