"""Weights that go, and weights that are to stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from wantui.api.model import ModelStatus
from wantui.api.removal import Removal as RemovalReply
from wantui.api.removal import Removals
from wantui.catalog.recipe import Recipe
from wantui.daemon.conversions import Conversions
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch_orders import sources_of
from wantui.daemon.inventory import Inventory
from wantui.daemon.naming import Naming
from wantui.daemon.verdict_book import VerdictBook
from wantui.errors import WeightsAbsent, WeightsInUse
from wantui.pipe.file import StatKey
from wantui.queue.jobs import Jobs
from wantui.store.cache import file_at
from wantui.store.removal import (
    NOTHING,
    Removal,
    carry_out,
    keep,
    plan_prune,
    plan_removal,
    with_converted,
)
from wantui.store.scan import revisions_of


class Housekeeping:
    def __init__(
        self,
        *,
        inventory: Inventory,
        downloads: Downloads,
        conversions: Conversions,
        jobs: Jobs,
        book: VerdictBook,
        naming: Naming,
        hub_cache: Path,
        loaded: Callable[[str], bool],
    ) -> None:
        self._inventory = inventory
        self._downloads = downloads
        self._conversions = conversions
        self._jobs = jobs
        self._book = book
        self._naming = naming
        self._hub_cache = hub_cache
        self._loaded = loaded

    async def remove(self, recipe: Recipe, *, dry_run: bool) -> Removals:
        """The revisions that a model is made of.

        Other ones of their repositories stay, and what they share with them. What was converted
        from them goes, unless another model's files convert to the same. Raises WeightsInUse,
        WeightsAbsent, InvalidRequest.
        """
        models = self._repositories()
        sharing = [other for source in sources_of(recipe) for other in models[source.repository]]
        for other in sharing:
            self._need_unused(other)
        first, *more = [
            await asyncio.to_thread(plan_removal, self._hub_cache, repository, revision)
            for repository, revision in (await self._here(recipe)).items()
        ]
        converted = await self._conversions.only_of(sharing)
        first = await asyncio.to_thread(with_converted, first, converted)
        return await self._carry_out([first, *more], dry_run=dry_run)

    async def prune(self, *, dry_run: bool) -> Removals:
        """In the repositories of the catalog: what is not whole, or nobody names any more.

        And converted weights that no model's files lead to.
        """
        plans = []
        for repository, recipes in self._repositories().items():
            if any(self._loaded(recipe.id) or self._fetches(recipe.id) for recipe in recipes):
                continue  # files that are whole have no names yet while a pull is paused
            plan = await asyncio.to_thread(plan_prune, self._hub_cache, repository)
            if plan.paths:
                plans.append(plan)
        if stale := await self._conversions.stale():
            plans.append(await asyncio.to_thread(with_converted, NOTHING, stale))
        return await self._carry_out(plans, dry_run=dry_run)

    async def keep(self, recipe: Recipe, *, kept: bool) -> ModelStatus:
        """Whether a model's weights may be removed. Raises WeightsAbsent or InvalidRequest."""
        none = dict.fromkeys(source.repository for source in sources_of(recipe))
        for repository, revision in (await self._here(recipe) if kept else none).items():
            await asyncio.to_thread(keep, self._hub_cache, repository, revision)
        return await self._inventory.model(recipe)

    async def _here(self, recipe: Recipe) -> dict[str, str]:
        """The revisions, by repository. Raises WeightsAbsent where there is none."""
        found = revisions_of(recipe, await self._inventory.weights(recipe))
        if not found:
            raise WeightsAbsent(f"there are no weights of {recipe.id}", hint="see: wantui ls")
        return found

    def _need_unused(self, recipe: Recipe) -> None:
        """Raises WeightsInUse."""
        using = [job.id for job in self._jobs.live.values() if job.model == recipe.id]
        if using:
            raise WeightsInUse(f"job {using[0]} is to be made with {recipe.id}")
        if self._loaded(recipe.id):
            raise WeightsInUse(f"a worker has {recipe.id} loaded", hint="see: wantui ps")
        if self._fetches(recipe.id):
            raise WeightsInUse(
                f"{recipe.id} is being fetched or verified", hint="see: wantui downloads"
            )

    def _fetches(self, model: str) -> bool:
        return any(item.model == model and item.state.open for item in self._downloads.all())

    def _repositories(self) -> dict[str, list[Recipe]]:
        found: dict[str, list[Recipe]] = {}
        for recipe in self._inventory.catalog.recipes:
            for source in recipe.sources:
                found.setdefault(source.repository, []).append(recipe)
        return found

    async def _carry_out(self, plans: Iterable[Removal], *, dry_run: bool) -> Removals:
        replies = []
        models = self._repositories()
        for plan in plans:
            recipes = models.get(plan.repository or "", [])
            if not dry_run:
                await self._one(plan)
                for recipe in recipes:
                    await self._inventory.model(recipe)
            replies.append(
                RemovalReply(
                    repository=plan.repository,
                    models=tuple(recipe.id for recipe in recipes),
                    revisions=plan.revisions,
                    partials=plan.partials,
                    orphans=plan.orphans,
                    converted=len(plan.converted),
                    freed_bytes=plan.freed_bytes,
                )
            )
        return Removals(
            done=not dry_run,
            removals=tuple(replies),
            freed_bytes=sum(reply.freed_bytes for reply in replies),
        )

    async def _one(self, plan: Removal) -> None:
        """A file that another repository has as well stays proven, though its stat changes."""
        before = {path: info for path in plan.shared if (info := file_at(path)) is not None}
        what = f"removal from {plan.repository}"
        async with self._naming.under_way(what, lambda: False, makes_room=True):
            try:
                await asyncio.to_thread(carry_out, plan, self._hub_cache)
            finally:  # of a removal that failed on its way some names are gone
                for path, was in before.items():
                    if (now := file_at(path)) is not None:
                        await self._book.carry_over(StatKey.of(was), StatKey.of(now), path)
