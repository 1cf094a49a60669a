"""A download that goes on, as a command tells it that waits for it."""

from __future__ import annotations

from wantui.api.download import Download, DownloadState
from wantui.cli.progress import live_line
from wantui.client import words
from wantui.text import bytes_text, duration_text


class NarratedDownload:
    def __init__(self, download: Download) -> None:
        self._download = download

    def plain(self) -> str:
        """The state alone: a log wants no percentages."""
        return f"{self._download.model}: {words.doing(self._download)} {self._download.state}"

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
        return live_line(download.model, share, "  ".join(right), width, blocks=blocks)
