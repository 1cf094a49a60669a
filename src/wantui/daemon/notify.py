"""What systemd is told of the daemon: one datagram a message, nothing where nobody asked.

Source: sd_notify(3), systemd.service(5) `Type=notify` and `WatchdogSec=`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import MutableMapping
from typing import Self

log = logging.getLogger(__name__)


class Notifier:
    """`address` is a path, or begins with `@` for an abstract one; None if nobody listens."""

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self._address = address
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Self:
        """What is meant for us is taken out: no child of ours is to speak in our name."""
        address = environment.pop("NOTIFY_SOCKET", None)
        microseconds = environment.pop("WATCHDOG_USEC", "")
        whose = environment.pop("WATCHDOG_PID", str(os.getpid()))
        ours = microseconds.isdecimal() and whose == str(os.getpid())
        return cls(address, int(microseconds) / 1e6 if ours and int(microseconds) else None)

    def ready(self, status: str) -> None:
        self._tell(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._tell("STOPPING=1\nSTATUS=stopping")

    async def beat(self) -> None:
        """Say again and again that the loop runs, twice as often as the watchdog asks for."""
        while self._watchdog_s is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        name = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
                end.setblocking(False)  # nobody who supervises us is waited for
                end.sendto(message.encode(), name)
        except OSError as error:
            log.warning("whoever supervises the daemon cannot be told: %s", error.strerror)
