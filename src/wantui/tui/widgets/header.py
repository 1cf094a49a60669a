"""Two lines on top of every area: the areas, and how things stand with the daemon."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.style import Style

from wantui.tui.areas import Area
from wantui.tui.tone import Said, Tone
from wantui.tui.widgets.quiet import Quiet, joined


class Header(Vertical):
    DEFAULT_CSS = """
    Header { height: 2; background: $panel; padding: 0 1; }
    Header > Quiet { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, area: Area) -> None:
        super().__init__()
        self._area = area
        self._link = Quiet(id="link")

    def compose(self) -> ComposeResult:
        tabs = Quiet(id="areas")
        tabs.show_content(_tabs(self._area))
        yield tabs
        self._link.say(("◌ connecting", Tone.WARN))
        yield self._link

    def show(self, headline: Iterable[Said]) -> None:
        self._link.say(*joined(headline))


def _tabs(current: Area) -> Content:
    """1 generate  2 queue ...: each can be clicked."""
    return Content("  ").join(_tab(area, current=area is current) for area in Area)


def _tab(area: Area, *, current: bool) -> Content:
    look = "bold reverse" if current else ""
    label = Content.assemble((f"{area.key} ", look or "dim"), (area.value, look))
    return label.stylize(Style.from_meta({"@click": f"app.area('{area}')"}))
