"""Every model's state on this machine, as clients see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wantui.api.model import ModelStatus, WeightsState, WeightsStatus
from wantui.api.plan import DType
from wantui.catalog.catalog import DEMO, Catalog
from wantui.catalog.recipe import Recipe
from wantui.daemon.reports import Reports
from wantui.daemon.verdict_book import VerdictBook
from wantui.errors import WeightsAbsent, WeightsCorrupt
from wantui.store.cache import file_at
from wantui.store.converted import look
from wantui.store.scan import revisions_of, scan
from wantui.store.verdicts import Verdicts
from wantui.text import bytes_text


class Inventory:
    """Scans the disk off the loop; `changed` is called for a model that is no longer as it was."""

    def __init__(
        self,
        catalog: Catalog,
        hub_cache: Path,
        demo_weights: Path,
        book: VerdictBook,
        reports: Reports,
        *,
        converted: Path,
        changed: Callable[[ModelStatus], None],
    ) -> None:
        self.catalog = catalog
        self._hub_cache = hub_cache
        self._demo_weights = demo_weights
        self._converted = converted
        self._book = book
        self._reports = reports
        self._changed = changed
        self._scanner = ThreadPoolExecutor(1, "scan")
        """A mount that hangs holds up this, and nothing else."""
        self._known: dict[str, ModelStatus] = {}

    @property
    def verdicts(self) -> Verdicts:
        return self._book.verdicts

    async def known(self) -> tuple[ModelStatus, ...]:
        """All of them as they were when somebody last looked."""
        known = [self._known.get(recipe.id) for recipe in self.catalog.recipes]
        found = tuple(model for model in known if model is not None)
        return found if len(found) == len(known) else await self.models()

    async def models(self) -> tuple[ModelStatus, ...]:
        """All of them, scanned now."""
        return tuple([await self.model(recipe) for recipe in self.catalog.recipes])

    async def model(self, recipe: Recipe) -> ModelStatus:
        """One of them, scanned now."""
        return self._show(recipe, await self.weights(recipe), time.time())

    def again(self, model: str) -> None:
        """Tell anew of a model of which something but the weights has changed."""
        before = self._known.get(model)
        if before is not None:
            looked_at = before.health.checked_at or time.time()
            self._show(self.catalog.model(model), before.weights, looked_at)

    def _show(self, recipe: Recipe, weights: WeightsStatus, looked_at: float) -> ModelStatus:
        """What is known now: another revision if it is other than before, and then it is told."""
        before = self._known.get(recipe.id)
        now = self._reports.of(recipe, weights, looked_at)
        same = before is not None and _alike(before, now)
        rev = before.rev + (0 if same else 1) if before else 1
        now = now.model_copy(update={"rev": rev})
        self._known[recipe.id] = now
        if before is not None and not same:
            self._changed(now)
        return now

    async def weights(self, recipe: Recipe) -> WeightsStatus:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scanner, self._scan, recipe)

    def _scan(self, recipe: Recipe) -> WeightsStatus:
        verdicts = self._book.verdicts
        weights = scan(recipe, self._hub_cache, self._demo_weights, verdicts)
        converted = look(recipe, weights, self._converted, verdicts, DType.BFLOAT16)
        return weights.model_copy(update={"converted": converted})

    async def moved(self, weights: WeightsStatus) -> bool:
        """Whether a file of them was read, and only its ctime has changed since."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scanner, self._moved, weights)

    def _moved(self, weights: WeightsStatus) -> bool:
        there = (file_at(Path(weights.folder or "", file.path)) for file in weights.files)
        return any(self._book.verdicts.moved(info) for info in there if info is not None)

    async def doubt(self, recipe: Recipe) -> None:
        """Have a model's files read again before anyone believes them."""
        weights = await self.weights(recipe)
        paths = [Path(weights.folder or "", file.path) for file in weights.files]
        paths += [Path(part.folder, file.path) for part in weights.converted for file in part.files]
        for path in paths:
            info = file_at(path)
            verdict = self._book.verdicts.of(info) if info else None
            if verdict is not None:
                await self._book.forget(verdict)
        await self.model(recipe)

    async def look(self, model: str) -> None:
        """Something about a model of the catalog may have changed."""
        await self.model(self.catalog.model(model))

    async def held_revisions(self, recipe: Recipe) -> dict[str, str]:
        """Those that a pull stays at; of other repositories it takes what the hub has now."""
        here = revisions_of(recipe, await self.weights(recipe))
        shared = [each.repository for each in recipe.sources if self.catalog.shares(each)]
        return {repository: here[repository] for repository in shared if repository in here}

    def close(self) -> None:
        self._scanner.shutdown(wait=False, cancel_futures=True)

    async def choose(self, last_used: list[str]) -> Recipe:
        """The model for a request that names none: the last used that still has its weights."""
        known = {recipe.id: recipe for recipe in self.catalog.recipes}
        for name in last_used:
            recipe = known.get(name)
            if recipe is not None and not recipe.needs_image:
                weights = await self.weights(recipe)
                if weights.state.usable:
                    return recipe
        return self.catalog.model(DEMO)


def _alike(one: ModelStatus, other: ModelStatus) -> bool:
    """Whether nothing has changed but when somebody looked."""
    health = other.health.model_copy(update={"checked_at": one.health.checked_at})
    return one == other.model_copy(update={"rev": one.rev, "health": health})


def need_whole(recipe: Recipe, weights: WeightsStatus) -> None:
    """Raises WeightsCorrupt or WeightsAbsent, with the files and the command that mends it."""
    if weights.bad:
        first, more = weights.bad[0], len(weights.bad) - 1
        others = f", and {more} more" if more else ""
        raise WeightsCorrupt(
            f"{first.path} of {recipe.id} is bad: {first.problem}{others}",
            hint=_mend(recipe, first.path),
            detail={"model": recipe.id, "paths": [file.path for file in weights.bad]},
        )
    if weights.state.usable:
        return
    need_own_files(recipe, weights)
    missing = weights.bytes_needed - weights.bytes_present
    about = f": about {bytes_text(missing)} to fetch" if missing else ""
    hint = f"run: {recipe.get_command}" if recipe.get_command else "install wantui again"
    raise WeightsAbsent(
        f"the weights of {recipe.id} are {weights.state}{about}",
        hint=hint,
        detail={"model": recipe.id, "missing_bytes": missing},
    )


def _mend(recipe: Recipe, path: str) -> str:
    if not recipe.brings(path):
        return "get that file again: it is your own"
    return f"run: wantui repair {recipe.id}" if recipe.sources else "install wantui again"


def need_own_files(recipe: Recipe, weights: WeightsStatus) -> None:
    """Raises WeightsAbsent for a file of the user's own, which nothing fetches."""
    for file in weights.files:
        if file.state is WeightsState.ABSENT and not recipe.brings(file.path):
            raise WeightsAbsent(
                f"{file.path} of {recipe.id} is missing",
                hint="put it there, or change the model's file in the settings' folder",
                detail={"model": recipe.id, "path": file.path},
            )


def need_sound_conversions(recipe: Recipe, weights: WeightsStatus) -> None:
    """Raises WeightsCorrupt for converted weights that are not what was written.

    Loads do without them.
    """
    bad = [part for part in weights.converted if not part.state.usable]
    if bad:
        raise WeightsCorrupt(
            f"the converted {bad[0].component} of {recipe.id} is bad and will not be used",
            hint=f"run: wantui convert {recipe.id}",
            detail={"model": recipe.id, "paths": [part.folder for part in bad]},
        )
