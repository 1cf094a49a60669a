"""Stopping a daemon, of whatever version, and knowing that the next one may start."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from wantui.client.address import Address
from wantui.client.client import Client
from wantui.client.launch import POLL_S, lock_is_free
from wantui.errors import DaemonUnreachable, TimedOut, VersionMismatch

STOP_TIMEOUT_S = 90.0
"""For the requests under way and a worker at the end of its step."""


async def stop_daemon(address: Address, lock: Path) -> bool:
    """Whether there was one to stop. A daemon of another version is stopped too.

    Raises TimedOut if it does not end.
    """
    try:
        address.check_owner()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await _shut_down(Client(address))
            await _until_gone(address, lock)
    except DaemonUnreachable:
        return False
    except TimeoutError as error:
        raise TimedOut(
            f"the daemon at {address.socket} has not stopped", hint="see: wantui logs daemon"
        ) from error
    return True


async def _shut_down(client: Client) -> None:
    """Ask; an answer of another version is an answer."""
    with contextlib.suppress(VersionMismatch):
        await client.shutdown()


async def _until_gone(address: Address, lock: Path) -> None:
    """Until nobody answers and, if it was ours, the next one could take the lock."""
    while True:
        await asyncio.sleep(POLL_S)
        if not await _answers(address) and (not address.own or lock_is_free(lock)):
            return


async def _answers(address: Address) -> bool:
    try:
        address.check_owner()
        await Client(address).hello()
    except DaemonUnreachable:
        return False
    except (TimedOut, VersionMismatch):
        return True
    return True
