"""A GPU's memory, seen to be free again after a worker's end and before anything new is planned.

A process that is gone from the table may hold its memory for a moment more, while the driver takes
its context down. As Ollama does (server/sched.go, waitForVRAMRecovery): go on once three quarters
are back, and after five seconds in any case, for others may have taken it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from wantui.api.hardware import Hardware
from wantui.text import bytes_text

BACK_SHARE = 0.75
PATIENCE_S = 5.0
POLL_S = 0.1

log = logging.getLogger(__name__)


class MemoryBack:
    """Of one device; `read` looks at the machine as it is now. A CPU's is never waited for."""

    def __init__(
        self,
        device: str,
        read: Callable[[], Awaitable[Hardware]],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._device = device
        self._read = read
        self._patience_s = patience_s
        self._before: int | None = None
        """Bytes that were used when the worker was started."""
        self._taken = 0
        self._owed = False

    def starting(self, hardware: Hardware | None) -> None:
        """A worker is started on the machine as it was read last."""
        self._before, self._taken, self._owed = _used(hardware, self._device), 0, False

    def took(self, device_bytes: int) -> None:
        """By its plan the worker has so much of the device."""
        self._taken = max(self._taken, device_bytes)

    def gone(self) -> None:
        """The worker has ended: what it had is to come back."""
        self._owed = self._before is not None and self._taken > 0

    async def confirmed(self) -> bool:
        """Wait for it; whether it came back. Nothing is waited for twice."""
        if not self._owed:
            return True
        self._owed = False
        try:
            async with asyncio.timeout(self._patience_s):
                while self._still_held(await self._read()) > 0:  # noqa: ASYNC110 - no driver tells
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            taken = bytes_text(self._taken)
            log.warning("%s: the %s of a worker that is gone are not back", self._device, taken)
            return False
        return True

    def _still_held(self, hardware: Hardware) -> float:
        """Bytes beyond what may be left; a device that is not named any more has none."""
        used = _used(hardware, self._device)
        if used is None or self._before is None:
            return 0.0
        return used - self._before - (1 - BACK_SHARE) * self._taken


def _used(hardware: Hardware | None, device: str) -> int | None:
    gpus = hardware.gpus if hardware is not None else ()
    return next((gpu.memory_used_bytes for gpu in gpus if gpu.uuid == device), None)
