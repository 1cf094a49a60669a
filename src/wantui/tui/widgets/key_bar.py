"""The last line: the keys that work here, or for a while what just happened."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.style import Style
from textual.timer import Timer

from wantui.text import one_line
from wantui.tui.actions import Action, of
from wantui.tui.areas import Area
from wantui.tui.keys import Keys
from wantui.tui.tone import Tone, content
from wantui.tui.widgets.quiet import Quiet

SAID_FOR_S = 8.0
LONGEST = 300


class KeyBar(Quiet):
    DEFAULT_CSS = """
    KeyBar {
        dock: bottom; height: 1; width: 100%; background: $panel; padding: 0 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def __init__(self, area: Area) -> None:
        super().__init__()
        self._actions = [action for action in (*of(area), *of(None)) if action.footer]
        self._keys = Keys()
        self._timer: Timer | None = None

    def remap(self, keys: Keys) -> None:
        """Show the user's keys in the place of those that actions come with."""
        if keys is not self._keys:
            self._keys = keys
            self.on_resize()

    def on_mount(self) -> None:
        self._show_keys()

    def on_resize(self) -> None:
        if self._timer is None:
            self._show_keys()

    def tell(self, text: str, tone: Tone) -> None:
        """Say what happened in place of the keys, for a while."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SAID_FOR_S, self._fall_silent)
        self.show_content(content([(one_line(text, LONGEST), tone)]))

    def _fall_silent(self) -> None:
        self._timer = None
        self._show_keys()

    def _show_keys(self) -> None:
        self.show_content(keys_content(self._actions, self._keys, self.size.width - 2))


def keys_content(actions: Sequence[Action], keys: Keys, width: int) -> Content:
    """As many keys as fit; the last two, help and palette, always do."""
    shown = [_key(action, keys) for action in actions]
    while len(shown) > 3 and sum(len(key) + 2 for key in shown) - 2 > width:
        del shown[-4]
    return Content("  ").join(shown)


def _key(action: Action, keys: Keys) -> Content:
    label = Content.assemble((keys.shown(action), "bold $primary"), f" {action.word}")
    return label.stylize(Style.from_meta({"@click": f"app.press('{keys.of(action)[0]}')"}))
