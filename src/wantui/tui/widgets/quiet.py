"""Text that is painted again only when it changed: an idle screen sends nothing."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widgets import Static

from wantui.tui.tone import Said, content


class Quiet(Static):
    """Shows pieces of text in tones; the same pieces again cost nothing."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self.shown: Content = Content()
        self.auto_links = False

    def say(self, *parts: Said) -> None:
        """Replace the text. Layout is only done again when the size may change."""
        self.show_content(content(parts))

    def show_content(self, new: Content) -> None:
        if new.is_same(self.shown):
            return
        sizes = (self.styles.width, self.styles.height)
        fixed = all(size is not None and not size.is_auto for size in sizes)
        self.shown = new
        self.update(new, layout=not fixed)


def joined(parts: Iterable[Said], gap: str = "  ") -> list[Said]:
    """Non-empty pieces with a gap between them."""
    kept = [part for part in parts if part[0]]
    return [piece for part in kept for piece in ((gap, part[1]), part)][1:]
