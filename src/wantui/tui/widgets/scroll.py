"""What is longer than its room: scrolled by arrows, or as vi does."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll

from wantui.tui.actions import moves


class Scroll(VerticalScroll, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = moves(
        next="scroll_down",
        before="scroll_up",
        page="page_down",
        page_back="page_up",
        first="scroll_home",
        last="scroll_end",
    )
