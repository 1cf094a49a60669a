"""Going on with a daemon that is away for a moment: a restart takes seconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from wantui.cli.terminal import narrate
from wantui.client import Client
from wantui.client.insist import PATIENCE_S, RETRY_S, insist
from wantui.client.launch import start_daemon
from wantui.errors import DaemonUnreachable, TimedOut
from wantui.paths import Paths
from wantui.settings import load_settings

T = TypeVar("T")


async def surely(client: Client, send: Callable[[str], Awaitable[T]]) -> T:
    """Submit something exactly once, even if the daemon dies before it answers.

    Ours is started again, as it would be for any command; another one is waited for.
    """
    told = False

    async def away() -> None:
        nonlocal told
        if not told:
            narrate("the daemon went away before it answered: asking again")
            told = True
        if client.address.own:
            paths = Paths.from_environment()
            await start_daemon(paths, load_settings(paths))

    return await insist(send, away=away)


async def patiently(
    look: Callable[[], AsyncGenerator[T]],
    say: Callable[[str], None],
    lost: Callable[[], DaemonUnreachable],
) -> AsyncGenerator[T]:
    """What `look` brings, begun anew whenever it ends or the daemon is away; it never ends itself.

    `say` is told when the daemon goes and comes back. Raises `lost()` when it stays away.
    """
    loop = asyncio.get_running_loop()
    lost_at: float | None = None
    while True:
        try:
            async with contextlib.aclosing(look()) as items:
                async for item in items:
                    if lost_at is not None:
                        say("the daemon is back")
                        lost_at = None
                    yield item
        except (DaemonUnreachable, TimedOut):
            if lost_at is None:
                say("the daemon is away: waiting for it")
                lost_at = loop.time()
            if loop.time() - lost_at > PATIENCE_S:
                raise lost() from None
        await asyncio.sleep(RETRY_S)
