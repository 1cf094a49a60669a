"""Drawing on a terminal that is gone."""

from __future__ import annotations

import contextlib
import os
import pty
from typing import TextIO, cast

import pytest
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from wantui.tui.driver import Outlet


@pytest.mark.timeout(20)
def test_what_is_drawn_on_a_terminal_that_is_gone_holds_nobody_up() -> None:
    master, side = pty.openpty()
    terminal = os.fdopen(side, "w")
    writer = WriterThread(cast("TextIO", Outlet(terminal)))
    writer.start()
    os.close(master)
    for _ in range(2 * MAX_QUEUED_WRITES):
        writer.write("a frame\n")
    writer.stop()
    assert not writer.is_alive()
    with contextlib.suppress(OSError):
        terminal.close()
