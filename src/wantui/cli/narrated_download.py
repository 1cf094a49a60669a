"""A download that goes on, as a command tells it that waits for it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from wantui.api.download import Download, DownloadState
from wantui.api.status import Status
from wantui.cli.patience import patiently
from wantui.cli.progress import live_line, narrator
from wantui.client import Client, words
from wantui.errors import DaemonUnreachable
from wantui.text import bytes_text, duration_text, one_line


class NarratedDownload:
    def __init__(self, download: Download) -> None:
        self._download = download

    def plain(self) -> str:
        """The state alone: a log wants no percentages."""
        return f"{self._download.subject}: {words.doing(self._download)} {self._download.state}"

    def live(self, width: int, *, blocks: bool) -> str:
        """Model, bar, share, bytes, rate and time left."""
        download = self._download
        total = download.bytes_total
        if download.state is not DownloadState.RUNNING or not total:
            return live_line(self.plain(), None, "", width, blocks=blocks)
        right = [f"{bytes_text(download.bytes_done)} of {bytes_text(total)}"]
        if download.bytes_per_second is not None:
            right.append(f"{bytes_text(download.bytes_per_second)}/s")
        if download.eta_s is not None:
            right.append(f"eta {duration_text(download.eta_s)}")
        share = download.bytes_done / total
        return live_line(one_line(download.subject), share, "  ".join(right), width, blocks=blocks)


async def wait_for_download(client: Client, download_id: int) -> Download:
    """Tell how it goes until it is over or paused, over restarts of the daemon.

    Raises UnknownDownload, and DaemonUnreachable when the daemon stays away.
    """
    shown = narrator()
    versions = patiently(lambda: _versions(client, download_id), shown.say, _lost)
    try:
        async with contextlib.aclosing(versions):
            async for download in versions:
                shown.update(NarratedDownload(download))
                if not download.state.open or download.state is DownloadState.PAUSED:
                    break
    finally:
        shown.close()
    return download


async def _versions(client: Client, download_id: int) -> AsyncGenerator[Download]:
    """Raises UnknownDownload when it is too long over to be remembered."""
    async with contextlib.aclosing(client.follow()) as news:
        async for item in news:
            if isinstance(item, Status):
                yield await client.download(download_id)
            elif isinstance(item.object, Download) and item.object.id == download_id:
                yield item.object


def _lost() -> DaemonUnreachable:
    return DaemonUnreachable(
        "the daemon went away; what it was doing goes on when it is back",
        hint="run: wantui daemon start && wantui downloads",
    )
