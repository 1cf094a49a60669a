"""A conversion as what a download brings: what nobody has proven is verified before it is begun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from wantui.api.download import Depth, Download
from wantui.catalog.recipe import Recipe
from wantui.daemon.conversions import Conversions
from wantui.daemon.fetch_orders import FetchOrders
from wantui.daemon.inventory import Inventory, need_whole
from wantui.daemon.model_cargo import ModelCargo
from wantui.errors import DiskFull, WantuiError
from wantui.pipe.fetch import Fetched, FetchOrder, Listed


class ConversionCargo(ModelCargo):
    def __init__(
        self,
        inventory: Inventory,
        conversions: Conversions,
        orders: FetchOrders,
        *,
        landed: Callable[[Recipe], Awaitable[None]],
    ) -> None:
        super().__init__(inventory, orders, landed=landed)
        self._conversions = conversions

    async def order(self, download: Download) -> FetchOrder:
        """Raises UnknownModel, WeightsAbsent or WeightsCorrupt."""
        recipe = self.recipe(download)
        weights = await self.inventory.weights(recipe)
        if not weights.checked:
            return self.orders.verify(recipe, weights, Depth.CONTENT)
        return await self._conversions.order(recipe)

    async def listed(self, download: Download, report: Listed) -> None:
        """No hub is asked."""

    async def land(self, download: Download, fetched: Fetched) -> Mapping[str, object] | None:
        """Raises WeightsCorrupt or WeightsAbsent for what turned out bad on the way."""
        recipe = self.recipe(download)
        weights = await self.inventory.weights(recipe)
        need_whole(recipe, weights)
        return None if fetched.folder == weights.folder else {}

    async def failed(self, download: Download, error: WantuiError) -> WantuiError:
        if isinstance(error, DiskFull):
            hint = f"free some space, then: wantui convert {download.subject}"
            return DiskFull(error.message, hint=hint, detail=error.detail)
        return error

    async def drop(self, download: Download) -> None:
        if (recipe := self.recipe_if_known(download)) is not None:
            await self._conversions.drop_unfinished(recipe)
