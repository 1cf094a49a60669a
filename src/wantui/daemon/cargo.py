"""What a download brings, a model's weights or an adapter, as seen by the lane that brings it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from wantui.api.download import Download
from wantui.errors import WantuiError
from wantui.pipe.fetch import Fetched, FetchOrder, Listed


class Cargo(Protocol):
    """All downloads of one kind; which is meant comes with every call, as it is then."""

    async def order(self, download: Download) -> FetchOrder:
        """What a fetcher is told; asked anew for every process. Raises WantuiError."""

    async def listed(self, download: Download, report: Listed) -> None:
        """The hub has said what will come."""

    async def land(self, download: Download, fetched: Fetched) -> Mapping[str, object]:
        """Take what came, and say what the download has become by it. Raises WantuiError."""

    async def failed(self, download: Download, error: WantuiError) -> WantuiError:
        """Learn from a failure; returns it with the next step."""

    async def over(self, download: Download) -> None:
        """It has ended, well or not, and that is written down."""

    async def drop(self, download: Download) -> None:
        """It was cancelled: remove what is not whole."""
