"""What is known of files' contents: in memory as it is this moment, and in the database."""

from __future__ import annotations

import contextlib
import time

from wantui.database import Database
from wantui.errors import DiskFull
from wantui.pipe.fetch import Checked, Outcome, Proven, StatKey
from wantui.store import verdicts as table
from wantui.store.verdicts import Verdict, Verdicts


class VerdictBook:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.verdicts = Verdicts()

    async def start(self) -> None:
        self.verdicts = Verdicts(await self._database.run(table.load))

    async def learn(self, report: Checked) -> None:
        """What there is no room to write down is read again one day, and no worse."""
        verdict = Verdict(report.key, report.outcome, report.digest, report.problem, time.time())
        self.verdicts.learn(verdict)
        with contextlib.suppress(DiskFull):
            await self._database.run(lambda c: table.put(c, verdict))

    async def forget(self, verdict: Verdict) -> None:
        """Have a file read again before anyone believes it."""
        self.verdicts.forget(verdict.key)
        await self._database.run(lambda c: table.drop(c, verdict.key))

    async def carry_over(self, before: StatKey, now: StatKey) -> None:
        """One of a file's names was made or removed by us: that is all that has changed."""
        verdict = self.verdicts.of_key(before)
        if verdict is not None and now == before._replace(ctime_ns=now.ctime_ns):
            moved = verdict._replace(key=now)
            self.verdicts.learn(moved)
            await self._database.run(lambda c: table.put(c, moved))

    def proven(self) -> tuple[Proven, ...]:
        """Every file that was what it must be when it was last read."""
        return tuple(
            Proven(verdict.key, verdict.digest)
            for verdict in self.verdicts
            if verdict.outcome is Outcome.VERIFIED and verdict.digest is not None
        )
