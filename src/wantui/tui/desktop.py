"""What this machine's desktop and terminal can do with a clip."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

PLAYERS = ("mpv", "ffplay", "vlc", "xdg-open")
TMUX_NOTE = "tmux passes it on with: set -g set-clipboard on"


def local_player() -> str | None:
    """A player that can show something here."""
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return next((name for name in PLAYERS if shutil.which(name)), None) if desktop else None


def play(player: str, clip: Path) -> None:
    """Start it apart from us: it draws on the desktop, not on this terminal."""
    process = subprocess.Popen(
        [player, str(clip)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, name="player", daemon=True).start()  # leaves no zombie


def clipboard_note(environment: Mapping[str, str] = os.environ) -> str:
    """What has to be so that a copied text arrives: terminals do not say whether it did."""
    return TMUX_NOTE if environment.get("TMUX") else ""
