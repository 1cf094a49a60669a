"""What is known of files' contents: in memory as it is this moment, and in the database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from wantui.database import Database
from wantui.errors import DiskFull
from wantui.files import boot_id, sync_file
from wantui.pipe.fetch import Checked, Outcome, Proven
from wantui.pipe.file import StatKey
from wantui.store import verdicts as table
from wantui.store.verdicts import Verdict, Verdicts

SYNC_AFTER_S = 30.0
"""By then Linux has written most of a file by itself, and waiting for the rest costs little."""

log = logging.getLogger(__name__)


class VerdictBook:
    def __init__(self, database: Database, sync_after_s: float = SYNC_AFTER_S) -> None:
        self._database = database
        self._sync_after_s = sync_after_s
        self.verdicts = Verdicts()
        self._unsynced: asyncio.Queue[Verdict] = asyncio.Queue()

    async def start(self) -> None:
        self.verdicts = Verdicts(await self._database.run(lambda c: table.load(c, boot_id())))
        for verdict in self.verdicts:
            self._sync_soon(verdict)

    async def learn(self, report: Checked) -> None:
        """What there is no room to write down is read again one day, and no worse."""
        facts = report.outcome, report.digest, report.problem, time.time(), report.unsynced
        verdict = Verdict(report.key, *facts)
        await self._know(verdict)
        self._sync_soon(verdict)

    async def forget(self, verdict: Verdict) -> None:
        """Have a file read again before anyone believes it."""
        self.verdicts.forget(verdict.key)
        await self._database.run(lambda c: table.drop(c, verdict.key))

    async def carry_over(self, before: StatKey, now: StatKey, path: Path) -> None:
        """One of a file's names was removed by us, which is all that has changed; `path` is left.

        It is there that it is brought to the disk, if it has yet to be.
        """
        verdict = self.verdicts.of_key(before)
        if verdict is not None and now == before._replace(ctime_ns=now.ctime_ns):
            unsynced = None if verdict.unsynced is None else str(path)
            verdict = verdict._replace(key=now, unsynced=unsynced)
            await self._know(verdict)
            self._sync_soon(verdict)

    def proven(self) -> tuple[Proven, ...]:
        """Every file that was what it must be when it was last read."""
        return tuple(
            Proven(verdict.key, verdict.digest)
            for verdict in self.verdicts
            if verdict.outcome is Outcome.VERIFIED and verdict.digest is not None
        )

    async def run(self) -> NoReturn:
        """Have what was just written brought to the disk, one file after another."""
        while True:
            verdict = await self._unsynced.get()
            due_s = verdict.checked_at + self._sync_after_s - time.time()
            await asyncio.sleep(min(due_s, self._sync_after_s))  # whatever the clock was set to
            stop = threading.Event()
            try:
                on_disk = await asyncio.to_thread(_synced, verdict, stop.is_set)
            except FileNotFoundError:  # removed meanwhile
                continue
            except OSError as error:
                log.warning("%s did not reach the disk: %s", verdict.unsynced, error.strerror)
                with contextlib.suppress(DiskFull):
                    await self.forget(verdict)
                continue
            finally:
                stop.set()
            now = self.verdicts.of_inode(verdict.key)
            if now is not None and now.unsynced is not None and now.key == on_disk:
                await self._know(now._replace(unsynced=None))

    def _sync_soon(self, verdict: Verdict) -> None:
        if verdict.unsynced is not None:
            self._unsynced.put_nowait(verdict)

    async def _know(self, verdict: Verdict) -> None:
        self.verdicts.learn(verdict)
        with contextlib.suppress(DiskFull):
            await self._database.run(lambda c: table.put(c, verdict, boot_id()))


def _synced(verdict: Verdict, stopped: Callable[[], bool]) -> StatKey | None:
    """What is on the disk now; another file may have taken the place meanwhile. Raises OSError."""
    path = Path(verdict.unsynced or "")
    return StatKey.of(path.stat()) if sync_file(path, stopped) else None
