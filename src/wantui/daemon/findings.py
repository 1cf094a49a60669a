"""What is found out about the machine once and kept: the engine's facts, how fast disks read.

Nothing is found out before somebody asks: importing the engine takes seconds of processor time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from wantui.api.hardware import EngineFacts
from wantui.catalog.recipe import Recipe
from wantui.daemon.engine_probe import ask_engine, key_of, order_of
from wantui.errors import DiskFull
from wantui.files import write_atomic
from wantui.hardware.read_rate import disk_id, read_rate

log = logging.getLogger(__name__)


class _Book(BaseModel):
    """The file's content. One that cannot be read is made anew."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    engine_key: str = ""
    engine: EngineFacts | None = None
    rates: dict[str, float] = {}
    """Bytes a second by file system, as `disk_id` tells them apart."""


class Findings:
    """`disks` maps a role to the folder whose disk is measured."""

    def __init__(
        self,
        file: Path,
        log_file: Path,
        recipes: Sequence[Recipe],
        demo_weights: Path,
        disks: Mapping[str, Path],
    ) -> None:
        self._file = file
        self._log_file = log_file
        self._order = order_of(recipes, demo_weights)
        self._disks = disks
        self._book = _load(file)
        self._tried: set[str] = set()
        """File systems on which nothing large enough to read was found."""
        self._one_at_a_time = asyncio.Lock()
        self._looking: set[asyncio.Task[None]] = set()

    def engine(self, driver: str | None) -> EngineFacts | None:
        """None if it was not asked yet in this environment and with this driver."""
        return self._book.engine if self._book.engine_key == self._key(driver) else None

    def rate(self, role: str) -> float | None:
        """Bytes a second that the role's disk reads, if it was measured."""
        identity = disk_id(self._disks[role]) if role in self._disks else None
        return self._book.rates.get(identity or "")

    async def find(
        self, driver: str | None, *, anew: bool = False, ask: bool = True, measure: bool = True
    ) -> None:
        """Find out what is not known, `anew` also what is; one after the other.

        Without `ask` the engine is left alone, without `measure` the disks are. What a cancelled
        caller began goes on.
        """
        looking = asyncio.create_task(self._find(driver, anew=anew, ask=ask, measure=measure))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        await asyncio.shield(looking)

    def compiles_not(self, driver: str | None, problem: str) -> None:
        """A job's blocks could not be compiled, whatever the engine said when it was asked.

        That holds until it is asked anew, in this environment.
        """
        if (said := self.engine(driver)) is not None:
            facts = said.model_copy(update={"compiles": False, "compile_problem": problem})
            self._keep(self._book.model_copy(update={"engine": facts}))

    async def stop(self) -> None:
        for looking in self._looking:
            looking.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    async def _find(self, driver: str | None, *, anew: bool, ask: bool, measure: bool) -> None:
        async with self._one_at_a_time:
            update: dict[str, object] = {}
            if measure and (rates := await asyncio.to_thread(self._measure, anew=anew)):
                update["rates"] = {**self._book.rates, **rates}
            if ask and (anew or self.engine(driver) is None):
                facts = await ask_engine(self._order, self._log_file)
                update |= {"engine": facts, "engine_key": self._key(driver)}
            if update:
                self._keep(self._book.model_copy(update=update))

    def _key(self, driver: str | None) -> str:
        return f"{self._environment}/{driver}"

    @cached_property
    def _environment(self) -> str:
        """What is installed later is there after a restart."""
        return key_of(self._order)

    def _measure(self, *, anew: bool) -> dict[str, float]:
        """Each disk once, however many roles it has; a file is written only if that was asked."""
        found: dict[str, float] = {}
        known = set() if anew else {*self._book.rates, *self._tried}
        for folder in self._disks.values():
            identity = disk_id(folder)
            if identity is None or identity in {*known, *found}:
                continue
            if rate := read_rate(folder, may_write=anew):
                found[identity] = rate
            self._tried.add(identity)
        return found

    def _keep(self, book: _Book) -> None:
        """A failure of the engine is known until the daemon ends, and then tried again."""
        self._book = book
        failed = book.engine is not None and book.engine.error is not None
        kept = book.model_copy(update={"engine": None, "engine_key": ""}) if failed else book
        try:
            write_atomic(self._file, kept.model_dump_json().encode(), durable=False)
        except (DiskFull, OSError) as error:
            log.warning("%s: %s", self._file, error)


def _load(file: Path) -> _Book:
    try:
        return _Book.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return _Book()
