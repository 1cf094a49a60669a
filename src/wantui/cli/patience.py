"""Going on with a daemon that is away for a moment: a restart takes seconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from wantui.errors import DaemonUnreachable, TimedOut

T = TypeVar("T")

RETRY_S = 0.2
PATIENCE_S = 30.0
"""How long the daemon may be away: a stopped one stays stopped."""


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
