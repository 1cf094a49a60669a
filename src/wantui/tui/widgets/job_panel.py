"""All that is known of a job, and above it what it looks like while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult

from wantui.tui.tone import Fact
from wantui.tui.widgets.panel import Panel
from wantui.tui.widgets.preview import Preview


class JobPanel(Panel):
    """`follow` tells its preview which job to show."""

    DEFAULT_CSS = """
    JobPanel Preview { height: 50%; }
    """

    def __init__(
        self,
        title: str,
        facts: Callable[[], Iterable[Fact]],
        follow: Callable[[Preview], None],
    ) -> None:
        super().__init__(title, facts)
        self._preview = Preview()
        self._follow = follow

    def content(self) -> ComposeResult:
        yield self._preview
        yield from super().content()

    def refresh_facts(self) -> None:
        super().refresh_facts()
        self._follow(self._preview)
