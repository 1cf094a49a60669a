"""Adapters as what a download brings from the hub: proven by the fetcher, checked and kept here.

What came of a file lies in a folder of its own, the same whoever asks for it again, so that a
download that failed is not begun anew by the next.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from wantui.api.adapter import Adapter, AdapterPullRequest, AdapterSource, PulledAdapter
from wantui.api.download import Download, DownloadState
from wantui.daemon.adapters import Adapters
from wantui.daemon.downloads import Downloads
from wantui.daemon.fetch_orders import FetchOrders
from wantui.errors import DiskFull, FetchError, InvalidAdapter, WantuiError
from wantui.files import private_folder
from wantui.pipe.fetch import Fetched, FetchOrder, Listed
from wantui.store.cache import STAGING
from wantui.store.lora import check_suffix

STALE_S = 7 * 24 * 3600.0
"""What came of a file that nobody asked for again in a week is removed."""


class AdapterPulls:
    """`folder` is where adapters are kept."""

    def __init__(
        self, adapters: Adapters, downloads: Downloads, orders: FetchOrders, folder: Path
    ) -> None:
        self._adapters = adapters
        self._downloads = downloads
        self._orders = orders
        self._folder = folder / STAGING

    async def start(self) -> None:
        """Once it is known which downloads are open."""
        wanted = {self._staging(d) for d in self._downloads.all() if d.adapter and d.state.open}
        await asyncio.to_thread(_remove_stale, self._folder, wanted)

    async def ask(self, request: AdapterPullRequest) -> Download:
        """The open download of the same file, or a new one. Raises InvalidAdapter or NameTaken."""
        check_suffix(request.file)
        self._adapters.check_name(request.name, self._came_before(request))
        wanted = PulledAdapter(file=request.file, revision=request.revision, name=request.name)
        return await self._downloads.ask_for_adapter(request.repository, wanted)

    def _came_before(self, request: AdapterPullRequest) -> Adapter | None:
        """What an earlier download of the same file brought."""
        for adapter in self._adapters.all():
            source = adapter.source
            if (source.repository, source.file) == (request.repository, request.file):
                return adapter
        return None

    async def order(self, download: Download) -> FetchOrder:
        staging = private_folder(self._staging(download))
        return self._orders.pull_adapter(download, _adapter(download), staging)

    async def listed(self, download: Download, report: Listed) -> None:
        """Nothing is kept of its repository."""

    async def land(self, download: Download, fetched: Fetched) -> Mapping[str, object]:
        """Check it and keep it. Raises InvalidAdapter, NameTaken or DiskFull."""
        wanted = _adapter(download)
        source = AdapterSource(
            file=wanted.file,
            repository=download.repository,
            commit=download.commit,
            license=download.license,
        )
        kept = await self._adapters.take(_file_of(fetched), source, wanted.name)
        await self._remove_staged(download)
        cancelled = self._downloads.get(download.id).state is DownloadState.CANCELLED
        if kept.new and cancelled:  # while it was checked
            await self._adapters.remove(kept.adapter.id)
        return {"adapter": wanted.model_copy(update={"kept": kept.adapter})}

    async def failed(self, download: Download, error: WantuiError) -> WantuiError:
        if isinstance(error, InvalidAdapter):  # proven, and never to be taken
            await self._remove_staged(download)
        if isinstance(error, DiskFull):
            hint = f"free some space, then: wantui downloads resume {download.id}"
            return DiskFull(error.message, hint=hint, detail=error.detail)
        return error

    async def over(self, download: Download) -> None:
        """Nobody waits for it but those who listen."""

    async def drop(self, download: Download) -> None:
        await self._remove_staged(download)

    async def _remove_staged(self, download: Download) -> None:
        await asyncio.to_thread(shutil.rmtree, self._staging(download), ignore_errors=True)

    def _staging(self, download: Download) -> Path:
        source = f"{download.repository}/{_adapter(download).file}".encode()
        return self._folder / hashlib.sha256(source).hexdigest()[:16]


def _adapter(download: Download) -> PulledAdapter:
    if download.adapter is None:
        raise TypeError(f"download {download.id} brings no adapter")
    return download.adapter


def _file_of(fetched: Fetched) -> Path:
    if fetched.file is None:
        raise FetchError("the fetcher did not say where the file is")
    return Path(fetched.file)


def _remove_stale(staging: Path, wanted: Collection[Path]) -> None:
    if not staging.is_dir():
        return
    for folder in staging.iterdir():
        newest = max((path.stat().st_mtime for path in folder.glob("*")), default=0.0)
        if folder not in wanted and newest < time.time() - STALE_S:
            shutil.rmtree(folder, ignore_errors=True)
