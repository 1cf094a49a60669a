"""Weights rewritten for a faster load: planned, ordered, and cleared away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from wantui.api.download import ConvertPlan, Download, DownloadAction
from wantui.api.model import ConvertedStatus, WeightsState, WeightsStatus
from wantui.api.plan import DType
from wantui.catalog.recipe import Recipe
from wantui.daemon.downloads import Downloads
from wantui.daemon.engine import need_engine
from wantui.daemon.inventory import Inventory, need_whole
from wantui.daemon.machine import Machine
from wantui.daemon.verdict_book import VerdictBook
from wantui.errors import CacheFull, InvalidRequest, WeightsChanged
from wantui.files import disk_of
from wantui.pipe.fetch import ConvertFiles
from wantui.store import converted as store
from wantui.store.converted import Convertible
from wantui.text import bytes_text

DTYPE = DType.BFLOAT16
"""What a GPU loads; the CPU computes in the float32 that is published."""
SAVED_S_PER_BYTE = 2.25 / 0.9e9
"""Of what is written: from a cold disk at 0.9 GB/s, published weights took 3 to 3.5 times as long,
for twice the bytes and the cast. Measured on two CPU cores; not on a machine with a GPU."""


class Conversions:
    """`most_bytes` that converted weights may take together; 0 for no limit."""

    def __init__(
        self,
        root: Path,
        *,
        inventory: Inventory,
        downloads: Downloads,
        book: VerdictBook,
        machine: Machine,
        most_bytes: int,
    ) -> None:
        self._root = root
        self._inventory = inventory
        self._downloads = downloads
        self._book = book
        self._machine = machine
        self._most_bytes = most_bytes

    async def convert(self, recipe: Recipe, dtype: DType) -> Download:
        """Over at once where there is nothing to do.

        Raises WeightsAbsent, WeightsCorrupt, EngineMissing, CacheFull or InvalidRequest.
        """
        need_engine()
        need_convertible(dtype)
        weights = await self._whole(recipe)
        missing = await self._missing(recipe, weights)
        await asyncio.to_thread(self._need_allowed, missing, weights)
        return await self._downloads.ask(
            recipe.id, recipe.repository, DownloadAction.CONVERT, done=not missing
        )

    async def plan(self, recipe: Recipe, dtype: DType) -> ConvertPlan:
        """Raises WeightsAbsent, WeightsCorrupt, WeightsUnreadable or InvalidRequest."""
        need_convertible(dtype)
        missing = await self._missing(recipe, await self._whole(recipe))
        to_write = sum(part.converted_bytes for part in missing)
        told = await asyncio.to_thread(disk_of, self._root)
        return ConvertPlan(
            model=recipe.id,
            dtype=dtype,
            components=tuple(part.component for part in missing),
            bytes_to_write=to_write,
            bytes_read=sum(part.published_bytes for part in missing),
            saved_s=to_write * SAVED_S_PER_BYTE,
            used=bool((await self._machine.read()).gpus),
            free_bytes=told[1] if told else 0,
        )

    async def order(self, recipe: Recipe) -> ConvertFiles:
        """What is missing, of files that were read whole. Raises WeightsAbsent, WeightsCorrupt, or
        WeightsChanged for files that are no longer as they were then.
        """
        weights = await self._whole(recipe)
        if not weights.checked:
            raise WeightsChanged(
                f"the weights of {recipe.id} have changed since they were verified",
                hint=f"run: wantui convert {recipe.id}",
            )
        missing = {part.component for part in await self._missing(recipe, weights)}
        wanted = store.conversions(recipe, weights, self._book.verdicts, DTYPE)
        folder = Path(weights.folder or "")
        return ConvertFiles(
            root=str(self._root),
            components=tuple(
                store.to_convert(part, folder, wanted[part.name])
                for part in recipe.components
                if part.name in missing
            ),
        )

    async def drop_unfinished(self, recipe: Recipe) -> None:
        """Remove what came of components that are not whole."""
        keys = await self._keys(recipe)
        names = [name for name in await self._entries() if store.key_of(name) in keys]
        await self._remove(self._root / name for name in names if name not in keys)

    async def only_of(self, gone: Iterable[Recipe]) -> tuple[Path, ...]:
        """The folders that these models lead to and no other one does."""
        going = {recipe.id: recipe for recipe in gone}
        keys = set[str]().union(*[await self._keys(recipe) for recipe in going.values()])
        for recipe in self._inventory.catalog.recipes:
            if recipe.id not in going:
                keys -= await self._keys(recipe)
        return tuple(
            self._root / name for name in await self._entries() if store.key_of(name) in keys
        )

    async def stale(self) -> tuple[Path, ...]:
        """The folders that no model leads to any more, and unfinished ones that do not go on."""
        whole, going_on = set[str](), set[str]()
        for recipe in self._inventory.catalog.recipes:
            keys = await self._keys(recipe)
            whole |= keys
            last = self._downloads.latest(recipe.id, DownloadAction.CONVERT)
            if last is not None and last.state.open:
                going_on |= keys
        return tuple(
            self._root / name
            for name in await self._entries()
            if store.key_of(name) not in (whole if store.key_of(name) == name else going_on)
        )

    async def _whole(self, recipe: Recipe) -> WeightsStatus:
        weights = await self._inventory.weights(recipe)
        need_whole(recipe, weights)
        return weights

    async def _missing(self, recipe: Recipe, weights: WeightsStatus) -> list[Convertible]:
        """What there is to write. Raises WeightsUnreadable.

        Files that nobody has read and nobody vouches for count too: they are read first.
        """
        done = {part.component for part in weights.converted if _proven(part)}
        found = await asyncio.to_thread(store.convertible, recipe, weights, DTYPE)
        return [part for part in found if part.component not in done]

    def _need_allowed(self, missing: Iterable[Convertible], weights: WeightsStatus) -> None:
        """Raises CacheFull."""
        needed = sum(part.converted_bytes for part in missing)
        replaced = {part.folder for part in weights.converted if not _proven(part)}
        folders = [self._root / name for name in store.entries(self._root)]
        whole = [folder for folder in folders if store.key_of(folder.name) == folder.name]
        kept = sum(store.size_of(folder) for folder in whole if str(folder) not in replaced)
        if needed and self._most_bytes and kept + needed > self._most_bytes:
            raise CacheFull(
                f"{bytes_text(needed)} are to be written, {bytes_text(kept)} are kept, and "
                f"converted weights may take {bytes_text(self._most_bytes)}",
                detail={"needed": needed, "kept": kept, "allowed": self._most_bytes},
            )

    async def _keys(self, recipe: Recipe) -> set[str]:
        weights = await self._inventory.weights(recipe)
        found = store.conversions(recipe, weights, self._book.verdicts, DTYPE)
        return {conversion.key for conversion in found.values()}

    async def _entries(self) -> list[str]:
        return await asyncio.to_thread(store.entries, self._root)

    async def _remove(self, folders: Iterable[Path]) -> None:
        await asyncio.to_thread(store.remove, folders)


def need_convertible(dtype: DType) -> None:
    """Raises InvalidRequest for a format that nothing is converted to."""
    if dtype is not DTYPE:
        raise InvalidRequest.for_field(
            "dtype", f"weights are not converted to {dtype}", allowed=DTYPE.value
        )


def _proven(part: ConvertedStatus) -> bool:
    return part.state is WeightsState.VERIFIED
