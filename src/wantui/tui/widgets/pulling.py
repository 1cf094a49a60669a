"""A download as it goes: two lines, the only ones that change meanwhile."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from wantui.api.download import Download
from wantui.client import words
from wantui.text import bytes_text
from wantui.tui.keys import Keys
from wantui.tui.tone import Said, Tone
from wantui.tui.weights_facts import next_keys
from wantui.tui.widgets.bar import bar
from wantui.tui.widgets.quiet import Quiet, joined
from wantui.tui.words import download_state

NARROWEST_BAR = 6


class Pulling(Vertical):
    """Takes no room where there is no download."""

    DEFAULT_CSS = """
    Pulling { height: 2; padding: 0 1; display: none; }
    Pulling.-there { display: block; }
    Pulling > Quiet { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._progress, self._keys = Quiet(), Quiet()
        self._download: Download | None = None
        self._next = ""

    def compose(self) -> ComposeResult:
        yield self._progress
        yield self._keys

    def show(self, download: Download | None, keys: Keys) -> None:
        self._download = download
        self._next = next_keys(download, keys) if download is not None else ""
        self.set_class(download is not None, "-there")
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        download = self._download
        if download is not None:
            self._progress.say(*joined(progress_line(download, self.size.width - 2)))
            self._keys.say((f"  {self._next}", Tone.MUTED))


def progress_line(download: Download, width: int) -> list[Said]:
    """↓ pull running  ━━━━──  41%  9.5 of 34.2 GB  112 MB/s, 3:20 left; the bar takes the rest."""
    state, tone = download_state(download)
    done, total = download.bytes_done, download.bytes_total
    if not total:
        return [(state, tone), (words.pace(download), Tone.PLAIN)]
    after = [
        (f"{done / total:4.0%}", Tone.PLAIN),
        (f"{bytes_text(done)} of {bytes_text(total)}", Tone.PLAIN),
        (f"{words.pace(download):<22}", Tone.PLAIN),
    ]
    room = width - len(state) - sum(len(text) + 2 for text, _ in after) - 2
    drawn = [(bar(done / total, room), tone)] if room >= NARROWEST_BAR else []
    return [(state, tone), *drawn, *after]
