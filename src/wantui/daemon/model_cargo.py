"""What downloads of a model's weights have in common, whether they are fetched or converted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wantui.api.download import Download
from wantui.catalog.recipe import Recipe
from wantui.daemon.fetch_orders import FetchOrders
from wantui.daemon.inventory import Inventory
from wantui.errors import UnknownModel


class ModelCargo:
    """`landed` is called when a model's weights may be other than they were."""

    def __init__(
        self,
        inventory: Inventory,
        orders: FetchOrders,
        *,
        landed: Callable[[Recipe], Awaitable[None]],
    ) -> None:
        self.inventory = inventory
        self.orders = orders
        self._landed = landed

    def recipe(self, download: Download) -> Recipe:
        """Raises UnknownModel for one that was taken out of the catalog since it was asked for."""
        return self.inventory.catalog.model(download.subject)

    def recipe_if_known(self, download: Download) -> Recipe | None:
        try:
            return self.recipe(download)
        except UnknownModel:
            return None

    async def over(self, download: Download) -> None:
        """It has ended, well or not, and that is written down."""
        if (recipe := self.recipe_if_known(download)) is not None:
            await self._landed(recipe)
