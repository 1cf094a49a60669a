"""What the fetcher is asked to do: kept over restarts, shared by all who ask for the same."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping

from wantui.api.adapter import PulledAdapter
from wantui.api.download import Depth, Download, DownloadAction, DownloadState
from wantui.api.error import ErrorBody
from wantui.daemon.fetch import Fetch
from wantui.database import Database
from wantui.errors import DiskFull, UnknownDownload, WantuiError, WrongState
from wantui.store import downloads as table

KEPT = 50
"""Downloads that have ended and are remembered."""
_IDLE: Mapping[str, object] = {"bytes_per_second": None, "eta_s": None}
"""What is said of the pace of one that does not run."""


class Downloads:
    """`changed` is called after every change. Lanes carry out what is here."""

    def __init__(self, database: Database, changed: Callable[[Download], None]) -> None:
        self._database = database
        self._changed = changed
        self._all: dict[int, Download] = {}
        self._fetches: dict[int, Fetch] = {}
        self._lock = asyncio.Lock()
        self._news: set[asyncio.Event] = set()

    async def start(self) -> None:
        """Know again what was asked for; what was under way is the first to go on."""
        for download in await self._database.run(lambda c: table.latest(c, KEPT)):
            going_on = download.state is DownloadState.RUNNING
            state = DownloadState.QUEUED if going_on else download.state
            self._all[download.id] = download.model_copy(update={"state": state, **_IDLE})

    def all(self) -> tuple[Download, ...]:
        """Open ones in their order, then the latest that ended."""
        known = sorted(self._all.values(), key=lambda download: download.id)
        ended = [download for download in reversed(known) if not download.state.open]
        return (*(download for download in known if download.state.open), *ended[:KEPT])

    def get(self, download_id: int) -> Download:
        """Raises UnknownDownload."""
        try:
            return self._all[download_id]
        except KeyError:
            raise UnknownDownload(f"there is no download {download_id}") from None

    def latest(self, model: str, *actions: DownloadAction) -> Download | None:
        """The last that was asked for a model, of these kinds."""
        known = (d for d in self._all.values() if d.model == model and d.action in actions)
        return max(known, key=lambda download: download.id, default=None)

    async def ask(
        self,
        model: str,
        repository: str | None,
        action: DownloadAction,
        depth: Depth | None = None,
        *,
        done: bool = False,
    ) -> Download:
        """The one that is open goes on, a failed pull or repair too, else there is a new one.

        `done` when there is nothing to do: it is then over at once.
        """
        now = time.time()
        wanted = Download(
            id=0,
            rev=1,
            action=action,
            depth=depth,
            model=model,
            repository=repository,
            state=DownloadState.COMPLETED if done else DownloadState.QUEUED,
            created_at=now,
            finished_at=now if done else None,
        )
        async with self._lock:
            known = self.latest(model, action)
            if known is None or done or not _goes_on(known, depth):
                known = await self._begin_anew(wanted)
            elif known.state in (DownloadState.PAUSED, DownloadState.FAILED):
                known = await self._queue_again(known.id)
        self._tell_lanes()
        return known

    async def ask_for_adapter(self, repository: str, adapter: PulledAdapter) -> Download:
        """The open one of the same file goes on, under the new name if one is asked for.

        A model's pull that is under way makes way: it takes hours, an adapter minutes.
        """
        wanted = Download(
            id=0,
            rev=1,
            model=None,
            adapter=adapter,
            repository=repository,
            state=DownloadState.QUEUED,
            created_at=time.time(),
        )
        async with self._lock:
            known = self._open_like(wanted)
            if known is None:
                known = await self._begin_anew(wanted)
            elif known.state is DownloadState.PAUSED:
                known = await self._queue_again(known.id)
            if known.adapter and adapter.name not in (None, known.adapter.name):
                renamed = known.adapter.model_copy(update={"name": adapter.name})
                known = await self._change(known.id, adapter=renamed)
        await self._make_way()
        self._tell_lanes()
        return self.get(known.id)

    async def pause(self, download_id: int) -> Download:
        return await self._end(download_id, DownloadState.PAUSED)

    async def cancel(self, download_id: int) -> Download:
        return await self._end(download_id, DownloadState.CANCELLED)

    async def resume(self, download_id: int) -> Download:
        async with self._lock:
            download = self.get(download_id)
            if download.state not in (DownloadState.PAUSED, DownloadState.FAILED):
                raise WrongState(f"download {download_id} is {download.state}", hint="")
            download = await self._queue_again(download_id)
        if download.adapter is not None:
            await self._make_way()
        self._tell_lanes()
        return download

    def news(self) -> asyncio.Event:
        """Set whenever there may be something to carry out; for a lane to wait for and clear."""
        event = asyncio.Event()
        self._news.add(event)
        return event

    def next(self, actions: Collection[DownloadAction]) -> Download | None:
        """The first that waits, of these kinds: an adapter before any model."""
        waiting = (
            d for d in self._all.values() if d.state is DownloadState.QUEUED and d.action in actions
        )
        return min(waiting, key=lambda d: (d.adapter is None, d.id), default=None)

    async def begin(self, download_id: int, fetch: Fetch) -> bool:
        """Whether it is still the next to be carried out; from here on a halt reaches its fetch."""
        async with self._lock:
            download = self.get(download_id)
            overtaken = _makes_way(download) and self._adapter_waits()
            if download.state is not DownloadState.QUEUED or overtaken:
                return False
            await self._change(download_id, state=DownloadState.RUNNING, error=None)
            self._fetches[download_id] = fetch
            return True

    async def learn(self, download_id: int, **facts: object) -> None:
        """What the hub says of it."""
        async with self._lock:
            await self._change(download_id, **facts)

    def show_progress(self, download_id: int, **progress: object) -> None:
        """In memory only: it is worth nothing after a crash."""
        before = self.get(download_id)
        if before.state is DownloadState.RUNNING:
            self._show(before.model_copy(update={**progress, "rev": before.rev + 1}))

    async def end(
        self,
        download_id: int,
        state: DownloadState,
        error: WantuiError | None = None,
        **facts: object,
    ) -> None:
        """How it came out, and what it has become, unless a client has ended it meanwhile."""
        async with self._lock:
            if self.get(download_id).state in (DownloadState.RUNNING, DownloadState.QUEUED):
                await self._change(
                    download_id,
                    state=state,
                    error=ErrorBody.of(error) if error else None,
                    finished_at=None if state is DownloadState.PAUSED else time.time(),
                    **_IDLE,
                    **facts,
                )

    async def wait_for_room(self, download_id: int, error: WantuiError) -> None:
        """Paused: what came is kept, and room is the user's to make.

        Where not even that can be written down it is told all the same; after a restart the
        download is as it was before, and goes on.
        """
        try:
            await self.end(download_id, DownloadState.PAUSED, error)
        except DiskFull:
            self.show_progress(
                download_id, state=DownloadState.PAUSED, error=ErrorBody.of(error), **_IDLE
            )

    def over(self, download_id: int) -> None:
        """Its fetcher is gone."""
        self._fetches.pop(download_id, None)

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
            fetch = self._fetches.get(download_id)
        if fetch is not None:
            await fetch.halt()
        return self.get(download_id)

    def _open_like(self, wanted: Download) -> Download | None:
        """The open one that brings the same file of a repository."""
        for known in self._all.values():
            if known.state.open and _file_of(known) == _file_of(wanted):
                return known
        return None

    def _adapter_waits(self) -> bool:
        waiting = (d for d in self._all.values() if d.state is DownloadState.QUEUED)
        return any(download.adapter is not None for download in waiting)

    async def _make_way(self) -> None:
        """What brings models goes back to the queue; returns once its fetcher is gone.

        Where that cannot be written down the adapter waits.
        """
        fetches = []
        async with self._lock:
            for download_id, fetch in list(self._fetches.items()):
                download = self.get(download_id)
                if _makes_way(download) and download.state is DownloadState.RUNNING:
                    with contextlib.suppress(DiskFull):
                        await self._change(download_id, state=DownloadState.QUEUED, **_IDLE)
                        fetches.append(fetch)
        for fetch in fetches:
            await fetch.halt()

    async def _begin_anew(self, wanted: Download) -> Download:
        known = await self._database.run(lambda c: table.insert(c, wanted), durable=True)
        self._show(known)
        return known

    async def _queue_again(self, download_id: int) -> Download:
        return await self._change(
            download_id, state=DownloadState.QUEUED, error=None, finished_at=None
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

    def _tell_lanes(self) -> None:
        for event in self._news:
            event.set()


def _file_of(download: Download) -> tuple[str | None, ...] | None:
    """What tells one adapter of the hub from another; None for a model's weights."""
    adapter = download.adapter
    return (download.repository, adapter.file, adapter.revision) if adapter else None


def _makes_way(download: Download) -> bool:
    """For an adapter: whether it brings a model over the same line."""
    return download.adapter is None and download.action is not DownloadAction.VERIFY


def _goes_on(download: Download, depth: Depth | None) -> bool:
    """A verification that failed has told its result, and one of another depth is another."""
    if download.action is DownloadAction.VERIFY:
        return download.state.open and download.depth is depth
    return download.state.open or download.state is DownloadState.FAILED
