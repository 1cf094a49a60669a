"""One order carried out: a fetcher's process, and another in its place when it dies."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import ValidationError

from wantui.daemon.child import Child
from wantui.daemon.children import Children
from wantui.errors import FetcherCrashed
from wantui.pipe.fetch import (
    Checked,
    ConvertFiles,
    Fetched,
    FetchFailed,
    Fetching,
    FetchOrder,
    FetchReport,
    Halt,
    Halted,
    Listed,
    fetch_report,
)

Telling = Listed | Fetching | Checked
"""What a fetcher reports on its way."""

HALT_S = 2.0
"""How long a fetcher may take to write its journals."""
CRASHES = 3
"""In a row, without a byte between them, until it fails."""

log = logging.getLogger(__name__)


class Fetch:
    """`order` is asked anew for every process, `told` hears what comes."""

    def __init__(
        self,
        children: Children,
        order: Callable[[], Awaitable[FetchOrder]],
        log_file: Callable[[], Path],
        told: Callable[[Telling], Awaitable[None]],
    ) -> None:
        self._children = children
        self._order = order
        self._log_file = log_file
        self._told = told
        self._halt = asyncio.Event()
        self._over = asyncio.Event()
        self._done = -1
        self.cut_short = False
        """Whether a process ended without a last word: what it did just before is untold."""

    async def run(self) -> Fetched | Halted:
        """A fetcher that dies costs what it did not report or write down, not the whole.

        May be called again, for another order. Raises what a fetcher reports, or FetcherCrashed.
        """
        self._over.clear()
        crashes, best = 0, -1
        try:
            while not self._halt.is_set():
                try:
                    return await self._once()
                except FetcherCrashed as error:
                    came = self._done > best
                    crashes, best = (1, self._done) if came else (crashes + 1, best)
                    if crashes >= CRASHES:
                        raise
                    log.warning("%s; again", error.message)
            return Halted()
        finally:
            self._over.set()

    async def halt(self) -> None:
        """Have it write down what came; returns once its process is gone."""
        self._halt.set()
        await self._over.wait()

    async def _once(self) -> Fetched | Halted:
        """One process's life."""
        order = await self._order()
        module = "wantui.worker.converter" if isinstance(order, ConvertFiles) else "wantui.fetcher"
        try:
            child = await self._children.start(module, os.environ, self._log_file())
        except OSError as error:
            raise FetcherCrashed(f"{module} cannot be started: {error}") from error
        halting = asyncio.create_task(self._halt_on_request(child))
        fetched, ended = False, False
        try:
            child.send(order)
            while (line := await child.line()) is not None:
                report = _parsed(line)
                ended = isinstance(report, Fetched | FetchFailed | Halted)
                if isinstance(report, FetchFailed):
                    raise report.error.to_error()
                if isinstance(report, Fetched | Halted):
                    fetched = isinstance(report, Fetched)
                    return report
                if isinstance(report, Fetching):
                    self._done = report.done
                await self._told(report)
            if self._halt.is_set():
                return Halted()
            raise FetcherCrashed(f"the fetcher {await child.ending()}")
        finally:
            self.cut_short |= not ended
            halting.cancel()
            if fetched:
                child.dismiss()
            else:
                await asyncio.shield(child.kill())

    async def _halt_on_request(self, child: Child) -> None:
        await self._halt.wait()
        child.send(Halt())
        await asyncio.sleep(HALT_S)
        await child.kill()


def _parsed(line: bytes) -> FetchReport:
    try:
        return fetch_report.validate_json(line)
    except ValidationError as error:
        raise FetcherCrashed("the fetcher sent what is no report") from error
