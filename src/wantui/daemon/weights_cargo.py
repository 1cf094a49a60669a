"""A model's weights as what a download brings, verifies or mends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from wantui.api.download import Depth, Download, DownloadAction
from wantui.catalog.recipe import Recipe
from wantui.daemon.fetch_orders import FetchOrders
from wantui.daemon.inventory import Inventory, need_sound_conversions, need_whole
from wantui.daemon.model_cargo import ModelCargo
from wantui.daemon.upstream import UpstreamBook
from wantui.errors import DiskFull, GatedRepository, RevisionNotFound, WantuiError
from wantui.pipe.fetch import Fetched, FetchOrder, Listed
from wantui.store.alone import drop_staging
from wantui.store.scan import revisions_of


class WeightsCargo(ModelCargo):
    def __init__(
        self,
        inventory: Inventory,
        upstream: UpstreamBook,
        orders: FetchOrders,
        *,
        hub_cache: Path,
        landed: Callable[[Recipe], Awaitable[None]],
    ) -> None:
        super().__init__(inventory, orders, landed=landed)
        self._upstream = upstream
        self._hub_cache = hub_cache

    async def order(self, download: Download) -> FetchOrder:
        """Raises UnknownModel for one that was taken out of the catalog since it was asked for."""
        recipe = self.recipe(download)
        if download.action is DownloadAction.PULL:
            held = await self.inventory.held_revisions(recipe)
            return self.orders.pull(recipe, {**held, **download.commits})
        weights = await self.inventory.weights(recipe)
        if download.action is DownloadAction.REPAIR:
            here = revisions_of(recipe, weights)
            return self.orders.pull(recipe, {**here, **download.commits})
        return self.orders.verify(recipe, weights, download.depth or Depth.CONTENT)

    async def listed(self, download: Download, report: Listed) -> None:
        """Of a download that is at a commit already the hub says nothing new."""
        if download.commit is None:
            for source in report.sources:
                await self._upstream.learn(source)

    async def land(
        self,
        download: Download,
        fetched: Fetched,  # noqa: ARG002 - other cargoes ask what came
    ) -> Mapping[str, object]:
        """They lie where the inventory looks. Raises WeightsCorrupt or WeightsAbsent."""
        recipe = self.recipe(download)
        weights = await self.inventory.weights(recipe)
        need_whole(recipe, weights)
        if download.action is DownloadAction.VERIFY:
            need_sound_conversions(recipe, weights)
        else:
            for source in recipe.sources:
                await self._upstream.let_in(source.repository)
        return {}

    async def failed(self, download: Download, error: WantuiError) -> WantuiError:
        if isinstance(error, GatedRepository):
            await self._upstream.shut_out(error)
        command = self._get_command(download)
        if isinstance(error, DiskFull):
            hint = f"free some space, or move the cache (HF_HOME), then: {command}"
            return DiskFull(error.message, hint=hint, detail=error.detail)
        if isinstance(error, RevisionNotFound):
            hint = f"its publisher has taken it back; what is there now comes with: {command}"
            return RevisionNotFound(error.message, hint=hint)
        return error

    async def drop(self, download: Download) -> None:
        if download.action is not DownloadAction.VERIFY and download.repository is not None:
            for repository in (download.repository, *(each.repository for each in download.also)):
                await asyncio.to_thread(drop_staging, self._hub_cache, repository)

    def _get_command(self, download: Download) -> str:
        recipe = self.recipe_if_known(download)
        return (recipe and recipe.get_command) or "wantui downloads"
