"""What a fetcher is told to do, with everything resolved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from wantui.api.adapter import PulledAdapter
from wantui.api.download import Depth, Download
from wantui.api.model import FileStatus, WeightsStatus
from wantui.catalog.recipe import Recipe, Source
from wantui.daemon.verdict_book import VerdictBook
from wantui.errors import InvalidRequest, WeightsAbsent
from wantui.paths import Paths
from wantui.pipe.fetch import FileToVerify, PullAdapter, PullFiles, VerifyFiles, Wanted
from wantui.settings import Settings


class FetchOrders:
    def __init__(self, paths: Paths, settings: Settings, book: VerdictBook) -> None:
        self._paths = paths
        self._settings = settings.store
        self._most_adapter_bytes = settings.limits.adapter_bytes
        self._book = book

    def pull(
        self, recipe: Recipe, revisions: Mapping[str, str], *, only_list: bool = False
    ) -> PullFiles:
        """`revisions` by repository; of others, what the hub has now.

        Raises InvalidRequest for a model that is in no repository.
        """
        return PullFiles(
            wanted=tuple(
                Wanted(
                    repository=source.repository,
                    revision=revisions.get(source.repository),
                    paths=source.paths,
                )
                for source in sources_of(recipe)
            ),
            hub_cache=str(self._paths.hub_cache.absolute()),
            connections=self._settings.connections,
            bytes_a_second=self._settings.max_bytes_per_second or None,
            stall_s=self._settings.stall_s,
            tries=self._settings.tries,
            proven=self._book.proven(),
            only_list=only_list,
        )

    def pull_adapter(self, download: Download, wanted: PulledAdapter, staging: Path) -> PullAdapter:
        """`staging` is a folder of this file's own. Raises InvalidRequest without a repository."""
        if download.repository is None:
            raise InvalidRequest(f"{wanted.called} is in no repository", hint="add it again")
        return PullAdapter(
            repository=download.repository,
            revision=download.commit or wanted.revision,
            path=wanted.file,
            staging=str(staging),
            kept=str(self._paths.adapters),
            most_bytes=self._most_adapter_bytes,
            connections=self._settings.connections,
            bytes_a_second=self._settings.max_bytes_per_second or None,
            stall_s=self._settings.stall_s,
            tries=self._settings.tries,
        )

    def verify(self, recipe: Recipe, weights: WeightsStatus, depth: Depth) -> VerifyFiles:
        """Raises WeightsAbsent if there is nothing to read."""
        if weights.folder is None:
            raise WeightsAbsent(f"the weights of {recipe.id} are absent")
        return VerifyFiles(
            folder=weights.folder,
            files=tuple(
                FileToVerify(path=path, digest=file.digest)
                for path, file in _files(weights)
                if file.bytes is not None
            ),
            depth=depth,
            proven=() if depth is Depth.DEEP else self._book.proven(),
            threads=len(os.sched_getaffinity(0)),
        )


def _files(weights: WeightsStatus) -> Iterator[tuple[str, FileStatus]]:
    """Published ones by their path in the model's folder, converted ones by their whole path."""
    yield from ((file.path, file) for file in weights.files)
    for part in weights.converted:
        yield from ((f"{part.folder}/{file.path}", file) for file in part.files)


def sources_of(recipe: Recipe) -> tuple[Source, ...]:
    """One at least. Raises InvalidRequest for a model that is in no repository."""
    if not recipe.sources:
        raise InvalidRequest(
            f"the weights of {recipe.id} are in no repository",
            hint="install wantui again" if recipe.folder is None else "see its recipe",
        )
    return recipe.sources
