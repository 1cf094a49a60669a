"""Writes that must not be lost, whatever the disk is like at the moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wantui.errors import DiskFull

T = TypeVar("T")
RETRY_S = 5.0

log = logging.getLogger(__name__)


async def settle(write: Callable[[], Awaitable[T]]) -> T:
    """Put an outcome on disk, however long the disk stays full."""
    while True:
        try:
            return await write()
        except DiskFull:
            log.warning("the disk is full: trying again in %g s", RETRY_S)
            await asyncio.sleep(RETRY_S)
