"""What running jobs has shown of the estimates: in memory as it is now, and in the database."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Sequence

from wantui.api.estimate import Accuracy
from wantui.database import Database
from wantui.errors import DiskFull
from wantui.hardware import history, records
from wantui.hardware.estimates.correction import REMEMBERED, Corrections
from wantui.hardware.history import Kind, Measurement
from wantui.hardware.records import Subject
from wantui.hardware.ways import NO_LIMITS, Limits

BELIEVED_S = 30 * 86_400.0
"""How long it is believed that a plan is too much for this machine."""

log = logging.getLogger(__name__)


class EstimateBook:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds: dict[Kind, list[Measurement]] = {}
        self._limits: dict[Subject, dict[str, float]] = {}

    async def start(self) -> None:
        self._kinds = history.by_kind(await self._database.run(records.latest))
        since = time.time() - BELIEVED_S
        self._limits = await self._database.run(lambda c: records.limits(c, since))

    def corrections(self, device_name: str, model: str) -> Corrections:
        return history.corrections(self._kinds, device_name, model)

    def limits(self, subject: Subject) -> Limits:
        return self._limits.get(subject, NO_LIMITS)

    def accuracy(self) -> Accuracy:
        return Accuracy(rows=history.accuracy(self._kinds))

    async def learn(self, measured: Sequence[Measurement]) -> None:
        """What there is no room to write down is forgotten with this daemon, and no worse."""
        for one in measured:
            kind = one.device, one.model, one.stage
            self._kinds[kind] = [one, *self._kinds.get(kind, [])][:REMEMBERED]
        try:
            await self._database.run(lambda c: records.add(c, measured))
        except DiskFull:
            log.warning("what the last job measured is not kept: the disk is full")

    async def keep_below(self, subject: Subject, limits: Limits) -> None:
        """Plan this below these limits from now on."""
        self._limits[subject] = dict(limits)
        at = time.time()

        def write(connection: sqlite3.Connection) -> None:
            for place, limit in limits.items():
                records.keep_limit(connection, subject, place, limit, at)

        try:
            await self._database.run(write)
        except DiskFull:
            log.warning("that a plan was too much is not kept: the disk is full")
