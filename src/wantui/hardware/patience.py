"""Waiting for a library that may never answer, and no longer than that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Patience(Generic[T]):
    """Calls `look` on a thread of its own; for one thread at a time.

    A call into a driver that hangs can be neither cancelled nor killed. Its thread is left behind,
    does not keep the process from ending, and nobody calls again before it has come back.
    """

    def __init__(self, look: Callable[[], T], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._thread: threading.Thread | None = None
        self._answer: T | None = None
        self._failure: BaseException | None = None

    @property
    def waits(self) -> bool:
        """Whether a call has not come back yet."""
        return self._thread is not None and self._thread.is_alive()

    def ask(self) -> T | None:
        """The answer; None if it does not come in time, at once if the last one has not come yet.

        Raises what `look` does.
        """
        if not self.waits:
            self._answer = self._failure = None
            self._thread = threading.Thread(target=self._call, name="driver", daemon=True)
            self._thread.start()
            self._thread.join(self._seconds)
        if self.waits:
            return None
        if self._failure is not None:
            raise self._failure
        return self._answer

    def _call(self) -> None:
        try:
            self._answer = self._look()
        except BaseException as failure:  # noqa: BLE001 - raised where it was asked
            self._failure = failure
