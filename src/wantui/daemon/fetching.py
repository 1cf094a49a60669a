"""What brings, proves and rewrites weights and LoRAs: the lanes, and whose each is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NoReturn

from wantui.api.download import Download, DownloadAction
from wantui.catalog.recipe import Recipe
from wantui.daemon.adapter_pulls import AdapterPulls
from wantui.daemon.adapters import Adapters
from wantui.daemon.cargo import Cargo
from wantui.daemon.children import Children
from wantui.daemon.conversion_cargo import ConversionCargo
from wantui.daemon.conversions import Conversions
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch_lane import DISK, NETWORK, REWRITE, FetchLane
from wantui.daemon.fetch_orders import FetchOrders
from wantui.daemon.inventory import Inventory
from wantui.daemon.naming import Naming
from wantui.daemon.upstream import UpstreamBook
from wantui.daemon.verdict_book import VerdictBook
from wantui.daemon.weights_cargo import WeightsCargo
from wantui.paths import Paths


class Fetching:
    """`landed` hears of a model whose weights are there, or known to be bad."""

    def __init__(
        self,
        *,
        paths: Paths,
        inventory: Inventory,
        adapters: Adapters,
        downloads: Downloads,
        conversions: Conversions,
        orders: FetchOrders,
        upstream: UpstreamBook,
        book: VerdictBook,
        naming: Naming,
        children: Children,
        log_file: Callable[[], Path],
        landed: Callable[[Recipe], Awaitable[None]],
    ) -> None:
        self._downloads = downloads
        self.adapters = AdapterPulls(adapters, downloads, orders, paths.adapters)
        self._weights = WeightsCargo(
            inventory, upstream, orders, hub_cache=paths.hub_cache, landed=landed
        )
        self._conversions = ConversionCargo(inventory, conversions, orders, landed=landed)
        self._lanes = tuple(
            FetchLane(
                actions,
                downloads,
                cargo_of=self._cargo_of,
                book=book,
                naming=naming,
                children=children,
                log_file=log_file,
            )
            for actions in (NETWORK, DISK, REWRITE)
        )

    async def start(self) -> None:
        await self.adapters.start()

    def runs(self) -> Iterator[Coroutine[Any, Any, NoReturn]]:
        """To be run as tasks, for as long as the daemon lives."""
        return (lane.run() for lane in self._lanes)

    async def cancel(self, download_id: int) -> Download:
        """End it, and remove what is not whole. Raises UnknownDownload or WrongState."""
        cancelled = await self._downloads.cancel(download_id)
        await self._cargo_of(cancelled).drop(cancelled)
        return cancelled

    def _cargo_of(self, download: Download) -> Cargo:
        if download.action is DownloadAction.CONVERT:
            return self._conversions
        return self._weights if download.adapter is None else self.adapters
