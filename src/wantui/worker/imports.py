"""Keeping what few jobs need out of the import that every worker waits for."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def unseen(package: str) -> Iterator[None]:
    """While this is open a package that is not imported yet seems not to be installed.

    diffusers imports PEFT and gguf with everything else if they are there, the first of which costs
    a worker a tenth of its start; what a job needs of them is imported within its functions. None
    in `sys.modules` is Python's own way to say so.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
