"""Apps without a daemon, at the sizes that are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.screens import unconnected

Unconnected = Callable[[tuple[int, int]], AbstractAsyncContextManager[Pilot[int]]]


@pytest.fixture(autouse=True)
def fast_line_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests over SSH, or without colours, sees what others see."""
    for name in ("SSH_CONNECTION", "SSH_TTY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def app_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unconnected]:
    """An app that nobody answers, in a terminal of the size it is called with."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield lambda size: unconnected(tmp_path, monkeypatch.setenv, size)
    monkeypatch.undo()
    time.tzset()
