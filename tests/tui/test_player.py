"""The player that shows a clip."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from wantui.tui.desktop import play

PATIENCE_S = 20.0


@pytest.mark.timeout(60)
def test_a_player_that_was_closed_leaves_no_process_behind(tmp_path: Path) -> None:
    player, pipe = tmp_path / "player", tmp_path / "clip.mp4"
    player.write_text('#!/bin/sh\necho $$ > "$1"\n', "utf-8")
    player.chmod(0o700)
    os.mkfifo(pipe)
    play(str(player), pipe)
    pid = int(pipe.read_text("utf-8"))
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, Path(f"/proc/{pid}/status").read_text("utf-8")
        time.sleep(0.01)
