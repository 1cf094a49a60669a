"""What is pulled: one repository after another, over restarts, shared by all who ask for it."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from pydantic import ValidationError

from wantui.api.download import Download, DownloadState
from wantui.api.error import ErrorBody
from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.daemon.child import Child
from wantui.daemon.logs import rotated
from wantui.daemon.pace import Pace
from wantui.database import Database
from wantui.errors import (
    DiskFull,
    FetcherCrashed,
    InvalidRequest,
    UnknownDownload,
    WantuiError,
    WrongState,
)
from wantui.paths import Paths
from wantui.pipe.fetch import (
    Fetched,
    FetchFailed,
    Fetching,
    FetchReport,
    Halt,
    Halted,
    Listed,
    PullFiles,
    fetch_report,
)
from wantui.settings import Settings
from wantui.store import downloads as table
from wantui.store.cache import drop_staging

KEPT = 50
"""Downloads that are remembered."""
HALT_S = 2.0
"""How long a fetcher may take to write its journals."""
FETCHER_CRASHES = 3
"""In a row, without a byte between them, until a download fails."""

log = logging.getLogger(__name__)


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
        self._halt = asyncio.Event()

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
        """Pause or cancel; what runs is halted first. Returns once it is."""
        async with self._lock:
            download = self.get(download_id)
            if not download.state.open and not (
                state is DownloadState.CANCELLED and download.state is DownloadState.FAILED
            ):
                raise WrongState(f"download {download_id} is {download.state}", hint="")
            runs = download.state is DownloadState.DOWNLOADING
            ended = None if state is DownloadState.PAUSED else time.time()
            changed = await self._change(download_id, state=state, finished_at=ended)
            if runs:
                self._halt.set()
        return changed

    async def _carry_out(self, download: Download) -> None:
        recipe = self._catalog.model(download.model)
        self._halt.clear()
        async with self._lock:
            if self.get(download.id).state is not DownloadState.QUEUED:
                return
            await self._change(download.id, state=DownloadState.DOWNLOADING, error=None)
        outcome: dict[str, object]
        try:
            report = await self._fetch_again_and_again(download.id, recipe)
        except WantuiError as error:
            outcome = _failure(error, recipe)
        else:
            if isinstance(report, Halted):
                return  # whoever halted it has said what it is now
            outcome = {"state": DownloadState.COMPLETED}
            await self._landed(recipe)
        async with self._lock:
            if self.get(download.id).state is DownloadState.DOWNLOADING:
                ended = None if outcome["state"] is DownloadState.PAUSED else time.time()
                idle = {"bytes_per_second": None, "eta_s": None}
                await self._change(download.id, **outcome, **idle, finished_at=ended)

    async def _fetch_again_and_again(self, download_id: int, recipe: Recipe) -> Fetched | Halted:
        """A fetcher that dies costs what its journals do not have, not the download."""
        crashes, best = 0, -1
        while True:
            try:
                return await self._fetch(download_id, recipe)
            except FetcherCrashed as error:
                done = self.get(download_id).bytes_done
                crashes, best = (1, done) if done > best else (crashes + 1, best)
                if crashes >= FETCHER_CRASHES:
                    raise
                log.warning("download %d: %s; again", download_id, error.message)

    async def _fetch(self, download_id: int, recipe: Recipe) -> Fetched | Halted:
        """One fetcher's life. Raises what it reports, or FetcherCrashed."""
        log_file = rotated(self._paths.logs / "fetcher.log", self._settings.logs)
        try:
            child = await Child.start("wantui.fetcher", os.environ, log_file)
        except OSError as error:
            raise FetcherCrashed(f"the fetcher cannot be started: {error}") from error
        halting = asyncio.create_task(self._halt_on_request(child))
        pace = Pace()
        try:
            child.send(self._order(self.get(download_id), recipe))
            while (line := await child.line()) is not None:
                report = _parsed(line)
                if isinstance(report, FetchFailed):
                    raise report.error.to_error()
                if isinstance(report, Fetched | Halted):
                    return report
                await self._progress(download_id, report, pace)
            if self._halt.is_set():
                return Halted()
            raise FetcherCrashed(f"the fetcher {await child.ending()}")
        finally:
            halting.cancel()
            await asyncio.shield(child.kill())

    async def _halt_on_request(self, child: Child) -> None:
        await self._halt.wait()
        child.send(Halt())
        await asyncio.sleep(HALT_S)
        await child.kill()

    async def _progress(self, download_id: int, report: FetchReport, pace: Pace) -> None:
        if isinstance(report, Listed):
            async with self._lock:
                await self._change(download_id, commit=report.commit, bytes_total=report.total)
        elif isinstance(report, Fetching):
            rate = pace.read(report.fetched)
            left = report.total - report.done
            before = self.get(download_id)
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


def _failure(error: WantuiError, recipe: Recipe) -> dict[str, object]:
    """A full disk pauses: what came is kept, and room is the user's to make."""
    if not isinstance(error, DiskFull):
        return {"state": DownloadState.FAILED, "error": ErrorBody.of(error)}
    hint = f"free some space, or move the cache (HF_HOME), then: {recipe.get_command}"
    full = DiskFull(error.message, hint=hint, detail=error.detail)
    return {"state": DownloadState.PAUSED, "error": ErrorBody.of(full)}


def _parsed(line: bytes) -> FetchReport:
    try:
        return fetch_report.validate_json(line)
    except ValidationError as error:
        raise FetcherCrashed("the fetcher sent what is no report") from error
