"""From a verb to the daemon and back: one event loop, one client, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from wantui.client import Client, open_client
from wantui.paths import Paths

T = TypeVar("T")
Work = Callable[[Client], Coroutine[Any, Any, T]]


def ask(work: Work[T], host: str | None) -> T:
    """Do `work` with a client of the daemon, which is started if none runs."""
    return asyncio.run(_with_client(work, host))


async def _with_client(work: Work[T], host: str | None) -> T:
    async with open_client(Paths.from_environment(), host) as client:
        return await work(client)
