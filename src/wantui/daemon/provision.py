"""A model's weights, whole and proven, before a job may load them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from wantui.api.download import Depth, Download, DownloadAction, DownloadState, PullPlan, Source
from wantui.api.job import Job
from wantui.api.model import WeightsState, WeightsStatus
from wantui.catalog.recipe import Recipe
from wantui.daemon.children import Children
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch import Fetch, Telling
from wantui.daemon.fetch_orders import FetchOrders, sources_of
from wantui.daemon.inventory import Inventory, need_whole
from wantui.daemon.upstream import UpstreamBook
from wantui.errors import (
    FetchError,
    FileNotOnHub,
    GatedRepository,
    RepositoryNotFound,
    RevisionNotFound,
    UnsafePath,
)
from wantui.pipe.fetch import FetchOrder, Listed

AGAIN_S = 60.0
"""After a failure a job's weights are tried again once this has passed."""
LASTING = (GatedRepository, RepositoryNotFound, RevisionNotFound, FileNotOnHub, UnsafePath)
"""What waiting does not cure."""


class Provision:
    """The verbs on weights, and what a job needs of them."""

    def __init__(
        self,
        inventory: Inventory,
        downloads: Downloads,
        orders: FetchOrders,
        *,
        upstream: UpstreamBook,
        children: Children,
        log_file: Callable[[], Path],
    ) -> None:
        self._inventory = inventory
        self._downloads = downloads
        self._orders = orders
        self._upstream = upstream
        self._children = children
        self._log_file = log_file

    async def pull(self, recipe: Recipe) -> Download:
        """Raises InvalidRequest for a model that is in no repository."""
        return await self._bring(recipe, DownloadAction.PULL)

    async def repair(self, recipe: Recipe) -> Download:
        """Raises InvalidRequest for a model that is in no repository."""
        return await self._bring(recipe, DownloadAction.REPAIR)

    async def _bring(self, recipe: Recipe, action: DownloadAction) -> Download:
        return await self._downloads.ask(recipe.id, sources_of(recipe)[0].repository, action)

    async def verify(self, recipe: Recipe, depth: Depth) -> Download:
        """Over at once where nothing has changed since it was read. Raises WeightsAbsent."""
        weights = await self._inventory.weights(recipe)
        if weights.state is WeightsState.ABSENT:
            need_whole(recipe, weights)
        sound = all(part.state is WeightsState.VERIFIED for part in weights.converted)
        done = depth is Depth.CONTENT and weights.checked and weights.state.usable and sound
        return await self._downloads.ask(
            recipe.id, recipe.repository, DownloadAction.VERIFY, depth, done=done
        )

    async def plan(self, recipe: Recipe) -> PullPlan:
        """What a pull would bring, as the hub has it now. Raises FetchError's kinds.

        A hub that lists a repository but does not give us its files refuses no plan.
        """
        held = await self._inventory.held_revisions(recipe)
        order = self._orders.pull(recipe, held, only_list=True)
        heard: list[Listed] = []

        async def ordered() -> FetchOrder:
            return order

        async def told(report: Telling) -> None:
            if isinstance(report, Listed):
                heard.append(report)

        refused: GatedRepository | None = None
        try:
            await Fetch(self._children, ordered, self._log_file, told).run()
        except GatedRepository as error:
            refused = error
        for source in heard[0].sources if heard else ():
            await self._upstream.learn(source)
        if refused is not None:
            await self._upstream.shut_out(refused)
        await self._inventory.model(recipe)
        if not heard:
            raise refused or FetchError(f"the fetcher did not list {order.wanted[0].repository}")
        first, *also = heard[0].sources
        return PullPlan(
            model=recipe.id,
            **first.model_dump(),
            accept_at=self._accept_at(heard[0].sources),
            also=tuple(also),
            files=heard[0].missing_files,
            bytes_total=heard[0].total,
            bytes_to_fetch=heard[0].missing,
            free_bytes=heard[0].free,
        )

    def _accept_at(self, sources: Iterable[Source]) -> str | None:
        """The first page on which terms are to be accepted."""
        told = (self._upstream.of(source.repository) for source in sources)
        return next((each.accept_at for each in told if each and each.accept_at), None)

    async def ready(self, job: Job, recipe: Recipe) -> WeightsStatus | None:
        """The weights if the job can load them now; else what they lack is set in motion.

        Raises FetchError for what the job asked to be fetched and can never be had.
        """
        weights = await self._inventory.weights(recipe)
        if weights.state.usable:
            if weights.checked or job.unverified:
                return weights
            await self._want(recipe, DownloadAction.VERIFY)
        elif job.fetch and recipe.sources:
            bad = weights.state is WeightsState.CORRUPT
            await self._want(recipe, DownloadAction.REPAIR if bad else DownloadAction.PULL)
        return None

    async def _want(self, recipe: Recipe, action: DownloadAction) -> None:
        last = self._downloads.latest(recipe.id, action)
        if last is not None:
            if last.state.open:
                return
            if last.state is DownloadState.FAILED and last.error is not None:
                error = last.error.to_error()
                if isinstance(error, LASTING):
                    raise error
                if time.time() - (last.finished_at or 0.0) < AGAIN_S:
                    return
        depth = Depth.CONTENT if action is DownloadAction.VERIFY else None
        repository = recipe.sources[0].repository if recipe.sources else None
        await self._downloads.ask(recipe.id, repository, action, depth)
