"""One lane of the fetcher's work: takes download after download and carries it out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

from wantui.api.download import Depth, Download, DownloadAction, DownloadState
from wantui.catalog.recipe import Recipe
from wantui.daemon.conversions import Conversions
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch import Fetch, Telling
from wantui.daemon.fetch_orders import FetchOrders
from wantui.daemon.inventory import Inventory, need_sound_conversions, need_whole
from wantui.daemon.pace import Pace
from wantui.daemon.settle import settle
from wantui.daemon.upstream import UpstreamBook
from wantui.daemon.verdict_book import VerdictBook
from wantui.errors import DiskFull, RevisionNotFound, WantuiError
from wantui.pipe.fetch import Checked, Fetching, FetchOrder, Halted, Listed

NETWORK = (DownloadAction.PULL, DownloadAction.REPAIR)
"""One at a time: it uses the whole line."""
DISK = (DownloadAction.VERIFY,)
"""Beside a pull that may take hours."""
REWRITE = (DownloadAction.CONVERT,)
"""Beside a verification, which jobs may wait for."""


class FetchLane:
    """`landed` is called when a model's weights may be other than they were."""

    def __init__(
        self,
        actions: tuple[DownloadAction, ...],
        downloads: Downloads,
        *,
        inventory: Inventory,
        book: VerdictBook,
        upstream: UpstreamBook,
        orders: FetchOrders,
        conversions: Conversions,
        log_file: Callable[[], Path],
        landed: Callable[[Recipe], Awaitable[None]],
    ) -> None:
        self._actions = actions
        self._downloads = downloads
        self._inventory = inventory
        self._book = book
        self._upstream = upstream
        self._orders = orders
        self._conversions = conversions
        self._log_file = log_file
        self._landed = landed
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
        recipe: Recipe | None = None
        state = DownloadState.COMPLETED
        failure: WantuiError | None = None
        try:
            recipe = self._inventory.catalog.model(download.model)
            if not await self._fetched(download, recipe):
                return  # whoever halted it has said what it is now
            weights = await self._inventory.weights(recipe)
            need_whole(recipe, weights)
            if download.action is DownloadAction.VERIFY:
                need_sound_conversions(recipe, weights)
        except DiskFull as error:
            told = _with_next_step(error, recipe, download.action)
            await self._downloads.wait_for_room(download.id, told)
            return
        except RevisionNotFound as error:  # asked for again, it will be what the hub has then
            state, failure = DownloadState.FAILED, _taken_back(error, recipe)
            await settle(lambda: self._downloads.learn(download.id, commit=None))
        except WantuiError as error:
            state, failure = DownloadState.FAILED, error
        await settle(lambda: self._downloads.end(download.id, state, failure))
        if recipe is not None:
            await self._landed(recipe)

    async def _fetched(self, download: Download, recipe: Recipe) -> bool:
        """Whether it went to its end. Raises what the fetcher reports."""
        pace = Pace()
        steps = await self._steps(download, recipe)

        async def order() -> FetchOrder:
            return await self._order(self._downloads.get(download.id), recipe, steps[0])

        async def told(report: Telling) -> None:
            await self._told(download.id, report, pace)

        fetch = Fetch(order, self._log_file, told)
        if not await settle(lambda: self._downloads.begin(download.id, fetch)):
            return False
        try:
            while steps:
                if isinstance(await fetch.run(), Halted):
                    return False
                need_whole(recipe, await self._inventory.weights(recipe))
                del steps[0]
            return True
        finally:
            self._downloads.over(download.id)

    async def _steps(self, download: Download, recipe: Recipe) -> list[DownloadAction]:
        """What is to be done in turn: weights that nobody has read are proven before the rest."""
        if download.action is DownloadAction.CONVERT:
            weights = await self._inventory.weights(recipe)
            if not weights.checked:
                return [DownloadAction.VERIFY, DownloadAction.CONVERT]
        return [download.action]

    async def _order(self, download: Download, recipe: Recipe, step: DownloadAction) -> FetchOrder:
        if step is DownloadAction.PULL:
            return self._orders.pull(recipe, download.commit)
        if step is DownloadAction.CONVERT:
            return await self._conversions.order(recipe)
        weights = await self._inventory.weights(recipe)
        if step is DownloadAction.REPAIR:
            return self._orders.pull(recipe, download.commit or weights.revision)
        return self._orders.verify(recipe, weights, download.depth or Depth.CONTENT)

    async def _told(self, download_id: int, report: Telling, pace: Pace) -> None:
        match report:
            case Listed():
                download = self._downloads.get(download_id)
                if download.commit is None and download.repository is not None:
                    await self._upstream.learn(download.repository, report)
                facts = {
                    "commit": report.commit,
                    "license": report.license,
                    "gated": report.gated,
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


def _taken_back(error: RevisionNotFound, recipe: Recipe | None) -> RevisionNotFound:
    command = recipe.get_command if recipe else "wantui downloads"
    hint = f"its publisher has taken it back; what is there now comes with: {command}"
    return RevisionNotFound(error.message, hint=hint)


def _with_next_step(error: DiskFull, recipe: Recipe | None, action: DownloadAction) -> DiskFull:
    command = recipe.get_command if recipe else "wantui downloads"
    move = "or move the cache (HF_HOME), "
    if action is DownloadAction.CONVERT and recipe is not None:
        command, move = f"wantui convert {recipe.id}", ""
    hint = f"free some space, {move}then: {command}"
    return DiskFull(error.message, hint=hint, detail=error.detail)
