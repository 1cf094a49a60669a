"""What reading files whole has shown: a verdict holds as long as its file's stat is the same.

The table's functions run on the database's thread; `Verdicts` is what the daemon has in memory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wantui.pipe.fetch import Outcome
from wantui.pipe.file import StatKey


class Verdict(NamedTuple):
    key: StatKey
    outcome: Outcome
    digest: str | None
    """What the content hashed to."""
    problem: str | None
    checked_at: float
    unsynced: str | None = None
    """Where the file is, while its content may not be on the disk."""


class Verdicts:
    """By file; the newest of each."""

    def __init__(self, known: Iterable[Verdict] = ()) -> None:
        self._by_inode = {verdict.key[:2]: verdict for verdict in known}

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self._by_inode.values())

    def of(self, info: os.stat_result) -> Verdict | None:
        """What is known of a file that has this stat now."""
        verdict = self._by_inode.get((info.st_dev, info.st_ino))
        return verdict if verdict is not None and verdict.key == StatKey.of(info) else None

    def of_key(self, key: StatKey) -> Verdict | None:
        verdict = self._by_inode.get(key[:2])
        return verdict if verdict is not None and verdict.key == key else None

    def of_inode(self, key: StatKey) -> Verdict | None:
        """The newest of the file that `key` was of, whatever its stat is now."""
        return self._by_inode.get(key[:2])

    def moved(self, info: os.stat_result) -> bool:
        """Whether the file was read, and nothing but its ctime speaks of a change since."""
        verdict, now = self._by_inode.get((info.st_dev, info.st_ino)), StatKey.of(info)
        return verdict is not None and verdict.key != now == verdict.key._replace(
            ctime_ns=now.ctime_ns
        )

    def learn(self, verdict: Verdict) -> None:
        self._by_inode[verdict.key[:2]] = verdict

    def forget(self, key: StatKey) -> None:
        self._by_inode.pop(key[:2], None)


def load(connection: sqlite3.Connection, boot: str) -> list[Verdict]:
    """All that count under the kernel that runs now; the others are removed."""
    connection.execute("DELETE FROM verdicts WHERE unsynced IS NOT NULL AND boot != ?", (boot,))
    rows = connection.execute(
        "SELECT device, inode, size, mtime_ns, ctime_ns, outcome, digest, problem, checked_at, "
        "unsynced FROM verdicts"
    )
    return [
        Verdict(
            StatKey(*(_unsigned(number) for number in row[:2]), *row[2:5]),
            Outcome(row["outcome"]),
            row["digest"],
            row["problem"],
            row["checked_at"],
            row["unsynced"],
        )
        for row in rows
    ]


def put(connection: sqlite3.Connection, verdict: Verdict, boot: str) -> None:
    device, inode, *times = verdict.key
    connection.execute(
        "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_signed(device), _signed(inode), *times, *verdict[1:], boot),
    )


def drop(connection: sqlite3.Connection, key: StatKey) -> None:
    connection.execute(
        "DELETE FROM verdicts WHERE device = ? AND inode = ?",
        (_signed(key.device), _signed(key.inode)),
    )


def _signed(number: int) -> int:
    """SQLite's integers have a sign; some file systems' inode numbers use all 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _unsigned(number: int) -> int:
    return number + (1 << 64) if number < 0 else number
