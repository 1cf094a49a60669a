"""One lane of the fetcher's work: takes download after download and carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from wantui.api.download import Download, DownloadAction, DownloadState
from wantui.daemon.cargo import Cargo
from wantui.daemon.children import Children
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch import Fetch, Telling
from wantui.daemon.naming import Naming
from wantui.daemon.pace import Pace
from wantui.daemon.settle import settle
from wantui.daemon.verdict_book import VerdictBook
from wantui.errors import DiskFull, RevisionNotFound, WantuiError
from wantui.pipe.fetch import Checked, Fetching, FetchOrder, Halted, Listed

NETWORK = (DownloadAction.PULL, DownloadAction.REPAIR)
"""One at a time: it uses the whole line, up to the one limit that is set for it."""
DISK = (DownloadAction.VERIFY,)
"""Beside a pull that may take hours."""
REWRITE = (DownloadAction.CONVERT,)
"""Beside a verification, which jobs may wait for."""


class FetchLane:
    """`cargo_of` says what a download brings."""

    def __init__(
        self,
        actions: tuple[DownloadAction, ...],
        downloads: Downloads,
        *,
        cargo_of: Callable[[Download], Cargo],
        book: VerdictBook,
        naming: Naming,
        children: Children,
        log_file: Callable[[], Path],
    ) -> None:
        self._actions = actions
        self._downloads = downloads
        self._cargo_of = cargo_of
        self._book = book
        self._naming = naming
        self._children = children
        self._log_file = log_file
        self._news = downloads.news()

    async def run(self) -> NoReturn:
        """Until it is cancelled; what is under way goes on when the daemon is started again."""
        while True:
            self._news.clear()
            download = self._downloads.next(self._actions)
            if download is not None:
                await self._carry_out(download)
            else:
                await self._news.wait()

    async def _carry_out(self, download: Download) -> None:
        cargo = self._cargo_of(download)
        state, failure = DownloadState.COMPLETED, None
        facts: Mapping[str, object] | None = {}
        try:
            facts = await self._brought(download.id, cargo)
        except DiskFull as full:
            await self._downloads.wait_for_room(download.id, await cargo.failed(download, full))
            return
        except WantuiError as error:
            state, failure = DownloadState.FAILED, await cargo.failed(download, error)
            if isinstance(error, RevisionNotFound):  # the next try takes what the hub has then
                facts = {"commit": None, "also": ()}
        if facts is None:
            return  # whoever halted it has said what it is now
        outcome = facts
        await settle(lambda: self._downloads.end(download.id, state, failure, **outcome))
        await cargo.over(download)

    async def _brought(self, download_id: int, cargo: Cargo) -> Mapping[str, object] | None:
        """What the download has become, at its end; None if it was halted.

        Raises what the fetcher reports, and what the cargo makes of it.
        """
        pace = Pace()

        async def order() -> FetchOrder:
            nonlocal pace
            pace = Pace()  # a process counts from nothing
            return await cargo.order(self._downloads.get(download_id))

        async def told(report: Telling) -> None:
            await self._told(download_id, cargo, report, pace)

        fetch = Fetch(self._children, order, self._log_file, told)
        async with self._naming.under_way(f"download {download_id}", lambda: fetch.cut_short):
            if not await settle(lambda: self._downloads.begin(download_id, fetch)):
                return None
            try:
                while not isinstance(report := await fetch.run(), Halted):
                    facts = await cargo.land(self._downloads.get(download_id), report)
                    if facts is not None:
                        return facts
            finally:
                self._downloads.over(download_id)
        return None

    async def _told(self, download_id: int, cargo: Cargo, report: Telling, pace: Pace) -> None:
        match report:
            case Listed():
                await cargo.listed(self._downloads.get(download_id), report)
                first, *also = report.sources
                facts = {
                    "commit": first.commit,
                    "license": first.license,
                    "gated": first.gated,
                    "also": tuple(also),
                    "bytes_total": report.total,
                }
                await settle(lambda: self._downloads.learn(download_id, **facts))
            case Checked():
                await self._book.learn(report)
            case Fetching():
                rate = pace.read(report.fetched)
                self._downloads.show_progress(
                    download_id,
                    bytes_done=report.done,
                    bytes_total=report.total,
                    bytes_per_second=rate,
                    eta_s=(report.total - report.done) / rate if rate else None,
                )
