"""What is pulled: one repository after another, over restarts, shared by all who ask for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

from wantui.api.download import Download, DownloadState
from wantui.api.error import ErrorBody
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.daemon.fetch import Fetch
from wantui.daemon.logs import rotated
from wantui.daemon.pace import Pace
from wantui.daemon.settle import settle
from wantui.database import Database
from wantui.errors import (
    DiskFull,
    InvalidRequest,
    UnknownDownload,
    WantuiError,
    WrongState,
)
from wantui.paths import Paths
from wantui.pipe.fetch import Fetched, Fetching, Halted, Listed, PullFiles
from wantui.settings import Settings
from wantui.store import downloads as table
from wantui.store.cache import drop_staging

KEPT = 50
"""Downloads that have ended and are remembered."""
_IDLE: Mapping[str, object] = {"bytes_per_second": None, "eta_s": None}
"""What is said of the pace of one that does not run."""


class Downloads:
    """`changed` is called after every change, `landed` when a model's weights are there."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        paths: Paths,
        settings: Settings,
        *,
        changed: Callable[[Download], None],
        landed: Callable[[Recipe], Awaitable[None]],
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._paths = paths
        self._settings = settings
        self._changed = changed
        self._landed = landed
        self._all: dict[int, Download] = {}
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._fetch: Fetch | None = None
        self._fetched_id: int | None = None

    async def start(self) -> None:
        """Know again what was asked for; what was under way is the first to go on."""
        for download in await self._database.run(lambda c: table.latest(c, KEPT)):
            going_on = download.state is DownloadState.DOWNLOADING
            state = DownloadState.QUEUED if going_on else download.state
            self._all[download.id] = download.model_copy(update={"state": state})

    def all(self) -> tuple[Download, ...]:
        """Open ones in their order, then the latest that ended."""
        known = sorted(self._all.values(), key=lambda download: download.id)
        ended = [download for download in reversed(known) if not download.state.open]
        return (*(download for download in known if download.state.open), *ended[:KEPT])

    async def pull(self, recipe: Recipe) -> Download:
        """Ask for a model's weights: the download that is open or failed goes on, else a new one.

        Raises InvalidRequest for a model whose weights ship with wantui.
        """
        if recipe.repository is None:
            raise InvalidRequest(f"the weights of {recipe.id} ship with wantui", hint="")
        async with self._lock:
            kept = next(
                (d for d in self._all.values() if d.model == recipe.id and _goes_on(d)), None
            )
            if kept is None:
                fresh = Download(
                    id=0,
                    rev=1,
                    model=recipe.id,
                    repository=recipe.repository,
                    state=DownloadState.QUEUED,
                    created_at=time.time(),
                )
                kept = await self._database.run(lambda c: table.insert(c, fresh), durable=True)
                self._show(kept)
            elif kept.state in (DownloadState.PAUSED, DownloadState.FAILED):
                kept = await self._change(
                    kept.id, state=DownloadState.QUEUED, error=None, finished_at=None
                )
        self._wake.set()
        return kept

    async def pause(self, download_id: int) -> Download:
        return await self._end(download_id, DownloadState.PAUSED)

    async def cancel(self, download_id: int) -> Download:
        """End it, and remove what is not whole."""
        cancelled = await self._end(download_id, DownloadState.CANCELLED)
        await asyncio.to_thread(drop_staging, self._paths.hub_cache, cancelled.repository)
        return cancelled

    async def resume(self, download_id: int) -> Download:
        async with self._lock:
            download = self.get(download_id)
            if download.state not in (DownloadState.PAUSED, DownloadState.FAILED):
                raise WrongState(f"download {download_id} is {download.state}", hint="")
            download = await self._change(
                download_id, state=DownloadState.QUEUED, error=None, finished_at=None
            )
        self._wake.set()
        return download

    def get(self, download_id: int) -> Download:
        """Raises UnknownDownload."""
        try:
            return self._all[download_id]
        except KeyError:
            raise UnknownDownload(f"there is no download {download_id}") from None

    async def run(self) -> NoReturn:
        """Until it is cancelled; what is under way goes on when the daemon is started again."""
        while True:
            self._wake.clear()
            queued = [d for d in self._all.values() if d.state is DownloadState.QUEUED]
            if queued:
                await self._carry_out(min(queued, key=lambda download: download.id))
            else:
                await self._wake.wait()

    async def _end(self, download_id: int, state: DownloadState) -> Download:
        """Pause or cancel; returns once its fetcher, if it had one, is gone."""
        async with self._lock:
            download = self.get(download_id)
            if not download.state.open and not (
                state is DownloadState.CANCELLED and download.state is DownloadState.FAILED
            ):
                raise WrongState(f"download {download_id} is {download.state}", hint="")
            ended = None if state is DownloadState.PAUSED else time.time()
            await self._change(download_id, state=state, finished_at=ended, **_IDLE)
            fetch = self._fetch if self._fetched_id == download_id else None
        if fetch is not None:
            await fetch.halt()
        return self.get(download_id)

    async def _carry_out(self, download: Download) -> None:
        recipe: Recipe | None = None
        try:
            recipe = self._catalog.model(download.model)
            report = await self._pulled(download.id, recipe)
        except WantuiError as error:
            outcome = _failure(error, recipe)
        else:
            if isinstance(report, Halted):
                return  # whoever halted it has said what it is now
            outcome = {"state": DownloadState.COMPLETED}
            await self._landed(recipe)
        await settle(lambda: self._close(download.id, outcome))

    async def _pulled(self, download_id: int, recipe: Recipe) -> Fetched | Halted:
        """Raises what the fetcher reports."""
        pace = Pace()
        fetch = Fetch(
            lambda: self._order(self.get(download_id), recipe),
            lambda: rotated(self._paths.logs / "fetcher.log", self._settings.logs),
            lambda report: self._told(download_id, report, pace),
        )
        if not await settle(lambda: self._open(download_id, fetch)):
            return Halted()
        try:
            return await fetch.run()
        finally:
            self._fetch, self._fetched_id = None, None

    async def _open(self, download_id: int, fetch: Fetch) -> bool:
        """Whether it is still to be pulled; from here on a halt reaches its fetch."""
        async with self._lock:
            if self.get(download_id).state is not DownloadState.QUEUED:
                return False
            await self._change(download_id, state=DownloadState.DOWNLOADING, error=None)
            self._fetch, self._fetched_id = fetch, download_id
            return True

    async def _close(self, download_id: int, outcome: Mapping[str, object]) -> None:
        async with self._lock:
            if self.get(download_id).state in (DownloadState.DOWNLOADING, DownloadState.QUEUED):
                ended = None if outcome["state"] is DownloadState.PAUSED else time.time()
                await self._change(download_id, **outcome, **_IDLE, finished_at=ended)

    async def _told(self, download_id: int, report: Listed | Fetching, pace: Pace) -> None:
        if isinstance(report, Listed):
            await settle(lambda: self._listed(download_id, report))
            return
        rate = pace.read(report.fetched)
        left = report.total - report.done
        before = self.get(download_id)
        if before.state is not DownloadState.DOWNLOADING:
            return
        self._show(
            before.model_copy(
                update={
                    "bytes_done": report.done,
                    "bytes_per_second": rate,
                    "eta_s": left / rate if rate else None,
                    "rev": before.rev + 1,
                }
            )
        )

    async def _listed(self, download_id: int, report: Listed) -> None:
        async with self._lock:
            await self._change(download_id, commit=report.commit, bytes_total=report.total)

    def _order(self, download: Download, recipe: Recipe) -> PullFiles:
        store = self._settings.store
        return PullFiles(
            repository=download.repository,
            revision=download.commit,
            paths=recipe.paths,
            hub_cache=str(self._paths.hub_cache.absolute()),
            connections=store.connections,
            bytes_a_second=store.max_bytes_per_second or None,
            stall_s=store.stall_s,
            tries=store.tries,
        )

    async def _change(self, download_id: int, **update: object) -> Download:
        """Commit it, then show it; whoever calls holds the lock."""
        before = self.get(download_id)
        after = before.model_copy(update={**update, "rev": before.rev + 1})
        await self._database.run(lambda c: table.update(c, after), durable=True)
        newest = self.get(download_id)  # progress may have come meanwhile
        self._show(newest.model_copy(update={**update, "rev": newest.rev + 1}))
        return self.get(download_id)

    def _show(self, download: Download) -> None:
        self._all[download.id] = download
        self._changed(download)


def _goes_on(download: Download) -> bool:
    return download.state.open or download.state is DownloadState.FAILED


def _failure(error: WantuiError, recipe: Recipe | None) -> dict[str, object]:
    """A full disk pauses: what came is kept, and room is the user's to make."""
    if not isinstance(error, DiskFull):
        return {"state": DownloadState.FAILED, "error": ErrorBody.of(error)}
    command = recipe.get_command if recipe else "wantui downloads"
    hint = f"free some space, or move the cache (HF_HOME), then: {command}"
    full = DiskFull(error.message, hint=hint, detail=error.detail)
    return {"state": DownloadState.PAUSED, "error": ErrorBody.of(full)}
