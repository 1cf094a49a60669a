"""Screens kept as text, to be compared with what is drawn now."""

from __future__ import annotations

import asyncio
import difflib
import os

from textual.pilot import Pilot

from tests.tui.screens import POLL_S, SNAPSHOTS, text
from wantui.tui.app import WantuiApp

SIZES = [(80, 24), (120, 40)]
SETTLED_S = 3.0
"""A bar that says how far one has scrolled comes a few layouts after what it is beside."""


async def compare(pilot: Pilot[int], name: str) -> None:
    """With the file of that name, once it is drawn; WANTUI_SNAPSHOTS=write makes it anew."""
    app, path = pilot.app, SNAPSHOTS / f"{name}.txt"
    assert isinstance(app, WantuiApp)
    if os.environ.get("WANTUI_SNAPSHOTS") == "write":
        await asyncio.sleep(SETTLED_S)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text(app)}\n", "utf-8")
    expected = path.read_text("utf-8")
    deadline = asyncio.get_running_loop().time() + SETTLED_S
    while f"{text(app)}\n" != expected and asyncio.get_running_loop().time() < deadline:
        await pilot.pause(POLL_S)
    drawn = f"{text(app)}\n"
    changed = difflib.unified_diff(expected.splitlines(), drawn.splitlines(), name, "drawn")
    assert drawn == expected, "\n".join(changed)


def size_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
