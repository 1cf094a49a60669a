"""Stopping an attempt: one flag, looked at between the blocks of every network."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # orders are read while the engine is still being imported
    from torch import nn


class StopOrdered(Exception):
    """The attempt is to end here: nothing is wrong, and nothing more is wanted."""


class StopFlag:
    """Set by the thread that reads orders, looked at by the thread that works."""

    def __init__(self) -> None:
        self._ordered = threading.Event()

    def order(self) -> None:
        self._ordered.set()

    def check(self) -> None:
        """Raises StopOrdered once it has been ordered."""
        if self._ordered.is_set():
            raise StopOrdered

    @contextlib.contextmanager
    def guard(self, blocks: Iterable[nn.Module]) -> Iterator[None]:
        """Check before each forward of these modules, for as long as the context lasts."""

        def before_forward(_module: nn.Module, _inputs: tuple[Any, ...]) -> None:
            self.check()

        with contextlib.ExitStack() as hooks:
            for block in blocks:
                hooks.callback(block.register_forward_pre_hook(before_forward).remove)
            yield
