"""A verdict on what was just written counts until a power cut, and for good once it is synced."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wantui.daemon.verdict_book import VerdictBook
from wantui.database import Database
from wantui.files import boot_id
from wantui.pipe.fetch import Checked, Outcome
from wantui.pipe.file import StatKey
from wantui.store import verdicts as table
from wantui.store.verdicts import Verdict

pytestmark = pytest.mark.anyio


async def book_of(database: Database) -> VerdictBook:
    book = VerdictBook(database, sync_after_s=0.0)
    await book.start()
    return book


def report(blob: Path) -> Checked:
    blob.write_bytes(b"weights")
    return Checked(
        path="model.safetensors",
        key=StatKey.of(blob.stat()),
        outcome=Outcome.VERIFIED,
        digest="d",
        unsynced=str(blob),
    )


@contextlib.asynccontextmanager
async def at_work(book: VerdictBook) -> AsyncIterator[None]:
    task = asyncio.create_task(book.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def synced(database: Database, key: StatKey) -> Verdict:
    """As the next kernel will find it."""
    async with asyncio.timeout(10):
        while True:
            for kept in await database.run(lambda c: table.load(c, boot_id())):
                if kept.key == key and kept.unsynced is None:
                    return kept


async def test_a_fresh_file_is_believed_by_the_next_daemon_under_the_same_kernel(
    database: Database, tmp_path: Path
) -> None:
    told = report(tmp_path / "blob")
    await (await book_of(database)).learn(told)
    assert [proven.key for proven in (await book_of(database)).proven()] == [told.key]


async def test_a_fresh_file_is_not_believed_after_a_power_cut(
    database: Database, tmp_path: Path
) -> None:
    await (await book_of(database)).learn(report(tmp_path / "blob"))
    assert await database.run(lambda c: table.load(c, "another kernel")) == []


async def test_a_file_that_reached_the_disk_is_believed_for_good(
    database: Database, tmp_path: Path
) -> None:
    told = report(tmp_path / "blob")
    await (await book_of(database)).learn(told)
    successor = await book_of(database)  # goes on with what was left
    async with at_work(successor):
        kept = await synced(database, told.key)
    assert await database.run(lambda c: table.load(c, "another kernel")) == [kept]


async def test_what_went_before_it_reached_the_disk_holds_nobody_up(
    database: Database, tmp_path: Path
) -> None:
    book = await book_of(database)
    gone, there = report(tmp_path / "gone"), report(tmp_path / "there")
    (tmp_path / "gone").unlink()
    await book.learn(gone)
    await book.learn(there)
    async with at_work(book):
        await synced(database, there.key)


async def test_another_file_in_its_place_is_synced_for_nobody_else(
    database: Database, tmp_path: Path
) -> None:
    book = await book_of(database)
    replaced, last = report(tmp_path / "blob"), report(tmp_path / "last")
    await book.learn(replaced)
    await book.learn(last)
    (tmp_path / "elsewhere").hardlink_to(tmp_path / "blob")
    (tmp_path / "new").write_bytes(b"weights")
    (tmp_path / "new").replace(tmp_path / "blob")
    async with at_work(book):
        await synced(database, last.key)
    kept = {verdict.key for verdict in await database.run(lambda c: table.load(c, "later"))}
    assert kept == {last.key}


async def test_a_file_whose_name_was_removed_is_synced_under_the_one_it_has_left(
    database: Database, tmp_path: Path
) -> None:
    book = await book_of(database)
    told = report(tmp_path / "removed")
    left = tmp_path / "left"
    left.hardlink_to(tmp_path / "removed")
    before = StatKey.of(left.stat())
    await book.learn(told.model_copy(update={"key": before}))
    (tmp_path / "removed").unlink()
    now = StatKey.of(left.stat())
    await book.carry_over(before, now, left)
    async with at_work(book):
        await synced(database, now)
