"""A clip played in the terminal: frames of its proxy in half cells, with what they cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.screen import ModalScreen

from wantui.errors import WantuiError
from wantui.text import bytes_text, one_line
from wantui.tui.actions import shown
from wantui.tui.spans import SpanCompositor
from wantui.tui.tone import Fact, Said, Tone
from wantui.tui.widgets.bar import bar
from wantui.tui.widgets.panel import Panel
from wantui.tui.widgets.picture import Picture
from wantui.tui.widgets.quiet import Quiet, joined

if TYPE_CHECKING:
    from wantui.tui.mosaic import Film

SPEEDS = (1, 2, 4, 6, 8, 12, 16)
"""Frames a second."""
WIDTHS = (24, 32, 48, 64, 96, 128, 192)
"""Columns, as many as the terminal has."""
KEYS = "space pause  ← → frame  [ ] speed  + - size  c colours  L loop  ? help  esc back"

Fetch = Callable[[], Awaitable[bytes]]
"""Brings the bytes of the proxy. Raises WantuiError."""


class Player(ModalScreen[None]):
    """Plays as soon as there is something to play. On a slow line smaller, slower, and in dots."""

    DEFAULT_CSS = """
    Player { background: $background; }
    Player > Container { height: 1fr; align: center middle; }
    Player Picture { width: 100%; height: 100%; }
    Player Horizontal { height: 1; padding: 0 1; }
    Player Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Player > Quiet { padding: 0 1; }
    Player #place { width: 24; }
    Player #state { width: 1fr; }
    Player > .-ground { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close"),
        Binding("space,p", "pause", "Pause, or go on"),
        Binding("right,l,.", "step(1)", "Next frame"),
        Binding("left,h,comma", "step(-1)", "Frame before"),
        Binding("home,g", "edge(False)", "First frame"),
        Binding("end,G", "edge(True)", "Last frame"),
        Binding("]", "speed(1)", "Faster"),
        Binding("[", "speed(-1)", "Slower"),
        Binding("+,=", "size(1)", "Larger"),
        Binding("-", "size(-1)", "Smaller"),
        Binding("c", "colours", "Colours, or dots"),
        Binding("L", "loop", "Loop, or not"),
        Binding("?,f1", "help", "These keys"),
    ]

    def __init__(self, title: str, fetch: Fetch, *, slow_line: bool) -> None:
        super().__init__()
        self._compositor = SpanCompositor()
        self._fetch = fetch
        self._speed = SPEEDS.index(4 if slow_line else 8)
        self._width = WIDTHS.index(48 if slow_line else 96)
        self._title = Quiet()
        self._words = title
        self._picture = Picture("fetching the clip", plain=slow_line)
        self._place = Quiet(id="place")
        self._state = Quiet(id="state")
        self._keys = Quiet(classes="-ground")
        self._film: Film | None = None

    def compose(self) -> ComposeResult:
        yield self._title
        with Container():
            yield self._picture
        with Horizontal():
            yield self._place
            yield self._state
        yield self._keys

    def on_mount(self) -> None:
        self._title.say((one_line(self._words, 300), Tone.STRONG))
        self._keys.say((KEYS, Tone.PLAIN))
        self._picture.styles.max_width = WIDTHS[self._width]
        self.run_worker(self._load())

    async def _load(self) -> None:
        try:
            self._picture.show(await self._fetch())
        except WantuiError as error:
            self._picture.show(None, error.message)

    @on(Picture.Changed)
    def _changed(self) -> None:
        """A film plays from its beginning; the same one in another size goes on as it was."""
        first = self._film is None and self._picture.film is not None
        self._film = self._picture.film
        if first:
            self._picture.play(SPEEDS[self._speed])
        self._say()

    def _say(self) -> None:
        """Where it is changes with every frame, and is apart from what does not."""
        if (film := self._film) is None or len(film.frames) < 2:
            self._place.say()
            self._state.say()
            return
        self._place.say(*joined(place_of(self._picture, film)))
        self._state.say(*joined(state_of(self._picture, film, SPEEDS[self._speed])))

    # --- actions ---

    def action_help(self) -> None:
        self.app.push_screen(Panel("keys of the player", help_facts))

    def action_close(self) -> None:
        self.dismiss()

    def action_pause(self) -> None:
        if self._picture.playing:
            self._picture.pause()
        else:
            self._picture.play(SPEEDS[self._speed])
        self._say()

    def action_step(self, frames: int) -> None:
        self._picture.pause()
        self._picture.turn_to(self._picture.frame + frames)

    def action_edge(self, last: bool) -> None:
        self._picture.pause()
        self._picture.turn_to(-1 if last else 0)

    def action_speed(self, by: int) -> None:
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        if self._picture.playing:
            self._picture.play(SPEEDS[self._speed])
        self._say()

    def action_size(self, by: int) -> None:
        self._width = min(max(self._width + by, 0), len(WIDTHS) - 1)
        self._picture.styles.max_width = WIDTHS[self._width]

    def action_colours(self) -> None:
        """Dots cost a tenth; a line that was taken for a slow one may be fast enough for more."""
        self._picture.plain = not self._picture.plain

    def action_loop(self) -> None:
        self._picture.loops = not self._picture.loops
        self._say()


def help_facts() -> Iterable[Fact]:
    """Every key of the player."""
    for binding in Player.BINDINGS:
        if isinstance(binding, Binding):
            yield " ".join(map(shown, binding.key.split(","))), (binding.description, Tone.PLAIN)


def place_of(picture: Picture, film: Film) -> list[Said]:
    """━━━───────  12 of 34."""
    count = len(film.frames)
    return [
        (bar(picture.frame / (count - 1), 10), Tone.BUSY),
        (f"{picture.frame + 1:{len(str(count))}} of {count}", Tone.PLAIN),
    ]


def state_of(picture: Picture, film: Film, fps: int) -> list[Said]:
    """▶ playing  8 a second  loops  62 kB/s, 24 bits."""
    return [
        ("▶ playing" if picture.playing else "‖ paused ", Tone.BUSY),
        (f"{fps} a second", Tone.PLAIN),
        ("loops" if picture.loops else "once", Tone.PLAIN),
        (f"{bytes_text(film.frame_bytes * fps)}/s, {film.frames[0].depth.value}", Tone.MUTED),
    ]
