"""Adapters on their way from the hub: one after another, beside the weights of models.

Known for as long as the daemon lives. What came of a file is kept on disk and goes on from there
when the file is asked for again, by whatever daemon.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from wantui.api.adapter import (
    Adapter,
    AdapterPull,
    AdapterPullRequest,
    AdapterPullState,
    AdapterSource,
)
from wantui.api.error import ErrorBody
from wantui.daemon.adapters import Adapters
from wantui.daemon.fetch import Fetch, Telling
from wantui.daemon.pace import Pace
from wantui.errors import FetchError, InvalidAdapter, UnknownAdapterPull, WantuiError, WrongState
from wantui.files import private_folder
from wantui.paths import Paths
from wantui.pipe.fetch import Fetched, Fetching, FetchOrder, Halted, Listed, PullAdapter
from wantui.settings import Settings
from wantui.store.cache import STAGING
from wantui.store.lora import check_suffix

KEPT = 50
"""Pulls that have ended and are remembered."""
STALE_S = 7 * 24 * 3600.0
"""What came of a file that nobody asked for again in a week is removed."""


class AdapterPulls:
    """`changed` is called after every change."""

    def __init__(
        self,
        adapters: Adapters,
        paths: Paths,
        settings: Settings,
        *,
        log_file: Callable[[], Path],
        changed: Callable[[AdapterPull], None],
    ) -> None:
        self._adapters = adapters
        self._paths = paths
        self._settings = settings
        self._log_file = log_file
        self._changed = changed
        self._all: dict[int, AdapterPull] = {}
        self._wanted_names: dict[int, str | None] = {}
        self._fetch: Fetch | None = None
        self._running_id: int | None = None
        self._last_id = 0
        self._wake = asyncio.Event()

    async def start(self) -> None:
        await asyncio.to_thread(_remove_stale, self._paths.adapters / STAGING)

    def all(self) -> tuple[AdapterPull, ...]:
        return tuple(self._all.values())

    def get(self, pull_id: int) -> AdapterPull:
        """Raises UnknownAdapterPull."""
        try:
            return self._all[pull_id]
        except KeyError:
            raise UnknownAdapterPull(f"there is no pull {pull_id} of an adapter") from None

    def ask(self, request: AdapterPullRequest) -> AdapterPull:
        """The open pull of the same file, or a new one. Raises InvalidAdapter or NameTaken."""
        check_suffix(request.file)
        asked = (request.repository, request.file, request.revision)
        for pull in self._all.values():
            if pull.state.open and (pull.repository, pull.file, pull.revision) == asked:
                return pull
        self._adapters.check_name(request.name, self._came_before(request))
        self._last_id += 1
        fresh = AdapterPull(
            id=self._last_id,
            rev=1,
            name=request.name or self._adapters.free_name(request.file, str(self._last_id)),
            repository=request.repository,
            file=request.file,
            revision=request.revision,
            state=AdapterPullState.QUEUED,
            created_at=time.time(),
        )
        self._wanted_names[fresh.id] = request.name
        self._show(fresh)
        self._forget_old()
        self._wake.set()
        return fresh

    def _came_before(self, request: AdapterPullRequest) -> Adapter | None:
        """What an earlier pull of the same file brought."""
        for adapter in self._adapters.all():
            source = adapter.source
            if (source.repository, source.file) == (request.repository, request.file):
                return adapter
        return None

    async def cancel(self, pull_id: int) -> AdapterPull:
        """End it, and remove what came; one that failed too."""
        pull = self.get(pull_id)
        if not pull.state.open and pull.state is not AdapterPullState.FAILED:
            raise WrongState(f"pull {pull_id} is {pull.state}", hint="see: wantui lora ls")
        self._end(pull_id, AdapterPullState.CANCELLED)
        if self._fetch is not None and self._running_id == pull_id:
            await self._fetch.halt()
        await asyncio.to_thread(shutil.rmtree, self._staging(pull), ignore_errors=True)
        return self.get(pull_id)

    async def run(self) -> NoReturn:
        """Until it is cancelled."""
        while True:
            self._wake.clear()
            queued = [p for p in self._all.values() if p.state is AdapterPullState.QUEUED]
            if queued:
                await self._carry_out(queued[0])
            else:
                await self._wake.wait()

    async def _carry_out(self, pull: AdapterPull) -> None:
        self._running_id = pull.id
        try:
            self._change(pull.id, state=AdapterPullState.RUNNING)
            adapter = await self._pulled(pull)
        except WantuiError as error:
            if isinstance(error, InvalidAdapter):  # proven, and never to be taken
                await asyncio.to_thread(shutil.rmtree, self._staging(pull), ignore_errors=True)
            if self.get(pull.id).state.open:
                self._end(pull.id, AdapterPullState.FAILED, error=ErrorBody.of(error))
        else:
            if adapter is not None and self.get(pull.id).state.open:
                self._end(pull.id, AdapterPullState.COMPLETED, adapter=adapter, name=adapter.name)

    async def _pulled(self, pull: AdapterPull) -> Adapter | None:
        """None if it was cancelled. Raises what the fetcher reports, or the check."""
        staging = private_folder(self._staging(pull))
        pace = Pace()

        async def order() -> FetchOrder:
            return self._order(self.get(pull.id), staging)

        async def told(report: Telling) -> None:
            self._told(pull.id, report, pace)

        self._fetch = Fetch(order, self._log_file, told)
        try:
            report = await self._fetch.run()
        finally:
            self._fetch = None
        pull = self.get(pull.id)
        if isinstance(report, Halted) or not pull.state.open:
            return None
        source = AdapterSource(
            file=pull.file, repository=pull.repository, commit=pull.commit, license=pull.license
        )
        kept = await self._adapters.take(_file_of(report), source, self._wanted_names[pull.id])
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
        if kept.new and not self.get(pull.id).state.open:  # cancelled while it was checked
            await self._adapters.remove(kept.adapter.id)
        return kept.adapter

    def _order(self, pull: AdapterPull, staging: Path) -> PullAdapter:
        store = self._settings.store
        return PullAdapter(
            repository=pull.repository,
            revision=pull.commit or pull.revision,
            path=pull.file,
            staging=str(staging),
            kept=str(self._paths.adapters),
            most_bytes=self._settings.limits.adapter_bytes,
            connections=store.connections,
            bytes_a_second=store.max_bytes_per_second or None,
            stall_s=store.stall_s,
            tries=store.tries,
        )

    def _told(self, pull_id: int, report: Telling, pace: Pace) -> None:
        if not self.get(pull_id).state.open:
            return
        if isinstance(report, Listed):
            self._change(
                pull_id,
                commit=report.commit,
                license=report.license,
                bytes_total=report.total,
            )
        if isinstance(report, Fetching):
            rate = pace.read(report.fetched)
            self._change(
                pull_id,
                bytes_done=report.done,
                bytes_per_second=rate,
                eta_s=(report.total - report.done) / rate if rate else None,
            )

    def _staging(self, pull: AdapterPull) -> Path:
        """A folder of this file's own, the same whoever asks for it again."""
        source = f"{pull.repository}/{pull.file}".encode()
        return self._paths.adapters / STAGING / hashlib.sha256(source).hexdigest()[:16]

    def _end(self, pull_id: int, state: AdapterPullState, **update: object) -> None:
        idle = {"bytes_per_second": None, "eta_s": None}
        self._change(pull_id, state=state, finished_at=time.time(), **idle, **update)

    def _change(self, pull_id: int, **update: object) -> None:
        before = self.get(pull_id)
        self._show(before.model_copy(update={**update, "rev": before.rev + 1}))

    def _show(self, pull: AdapterPull) -> None:
        self._all[pull.id] = pull
        self._changed(pull)

    def _forget_old(self) -> None:
        ended = [id for id, pull in self._all.items() if not pull.state.open]
        for pull_id in ended[:-KEPT]:
            if pull_id != self._running_id:
                del self._all[pull_id]
                del self._wanted_names[pull_id]


def _file_of(report: Fetched) -> Path:
    if report.file is None:
        raise FetchError("the fetcher did not say where the file is")
    return Path(report.file)


def _remove_stale(staging: Path) -> None:
    if not staging.is_dir():
        return
    for folder in staging.iterdir():
        newest = max((path.stat().st_mtime for path in folder.glob("*")), default=0.0)
        if newest < time.time() - STALE_S:
            shutil.rmtree(folder, ignore_errors=True)
