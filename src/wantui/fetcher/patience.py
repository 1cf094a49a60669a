"""How much of a bad line is put up with, and what is worth another try."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from wantui.errors import FetchError, HubRefused, HubUnreachable, RateLimited
from wantui.fetcher.halt import Stopped

T = TypeVar("T")
_RANDOM = random.SystemRandom()
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 30.0
LATER = (408, 425, 429, 500, 502, 503, 504)
"""HTTP statuses that may be another one soon."""


@dataclass(frozen=True)
class Patience:
    stall_s: float
    """Silence after which a connection is given up and made anew."""
    tries: int
    """Failures in a row, without a byte between them, until the pull fails."""


def may_pass(error: FetchError) -> bool:
    """Whether the same question may be answered if it is asked again."""
    if isinstance(error, HubRefused):
        return error.detail.get("status") in LATER
    return isinstance(error, HubUnreachable | RateLimited)


def pause(failures: int, told_s: float | None, stop: threading.Event) -> None:
    """Wait as long as the server said, else longer after each failure. Raises Stopped."""
    backoff_s = min(FIRST_PAUSE_S * 2 ** (failures - 1), MAX_PAUSE_S) * _RANDOM.uniform(0.5, 1.0)
    if stop.wait(backoff_s if told_s is None else told_s):
        raise Stopped


def patiently(ask: Callable[[], T], patience: Patience, stop: threading.Event) -> T:
    """Ask until there is an answer, or the patience is at its end. Raises FetchError, Stopped."""
    failures = 0
    while True:
        try:
            return ask()
        except FetchError as error:
            failures += 1
            if not may_pass(error) or failures >= patience.tries:
                raise
        pause(failures, None, stop)
