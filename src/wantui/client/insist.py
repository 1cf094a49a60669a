"""A submission that is heard once, though the line breaks or the daemon dies before it answers."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wantui.errors import DaemonUnreachable, TimedOut

T = TypeVar("T")

RETRY_S = 0.2
PATIENCE_S = 30.0
"""How long the daemon may be away: a stopped one stays stopped."""


async def insist(
    send: Callable[[str], Awaitable[T]],
    *,
    away: Callable[[], Awaitable[None]],
) -> T:
    """Have `send` send the same under the same key until there is an answer.

    The daemon may have accepted it and not been able to say so: by the key it knows it again.
    `away` is called after each try that got no answer: to say so, or to start the daemon. Raises
    what the last try did once it has been away for long.
    """
    loop = asyncio.get_running_loop()
    key = secrets.token_urlsafe(16)
    lost_at: float | None = None
    while True:
        try:
            return await send(key)
        except (DaemonUnreachable, TimedOut):
            lost_at = lost_at or loop.time()
            if loop.time() - lost_at > PATIENCE_S:
                raise
        await away()
        await asyncio.sleep(RETRY_S)
