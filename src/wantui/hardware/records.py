"""The tables `measurements` and `too_much`: plain functions on a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from wantui.api.job import Stage
from wantui.hardware.estimates.correction import REMEMBERED
from wantui.hardware.history import Estimated, Measurement


class Subject(NamedTuple):
    """What ran out of memory: the same job is the same device, model, size and length."""

    device: str
    model: str
    width: int
    height: int
    frames: int


def add(connection: sqlite3.Connection, measured: Sequence[Measurement]) -> None:
    connection.executemany(
        "INSERT INTO measurements (at, job, device, model, stage, formula_bytes, estimated_bytes, "
        "measured_bytes, formula_s, estimated_s, measured_s) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        [
            (*one[:5], *(one.memory or (None,) * 3), *(one.seconds or (None,) * 3))
            for one in measured
        ],
    )


def latest(connection: sqlite3.Connection) -> list[Measurement]:
    """As many of each kind as are learned from."""
    rows = connection.execute(
        "SELECT * FROM (SELECT *, row_number() OVER "
        "(PARTITION BY device, model, stage ORDER BY id DESC) AS age FROM measurements) "
        "WHERE age <= ? ORDER BY id",
        (REMEMBERED,),
    )
    return [_measurement(row) for row in rows]


def _measurement(row: sqlite3.Row) -> Measurement:
    return Measurement(
        *(row["at"], row["job"], row["device"], row["model"], Stage(row["stage"])),
        memory=_estimated(row["formula_bytes"], row["estimated_bytes"], row["measured_bytes"]),
        seconds=_estimated(row["formula_s"], row["estimated_s"], row["measured_s"]),
    )


def _estimated(*numbers: float | None) -> Estimated | None:
    known = [number for number in numbers if number is not None]
    return Estimated(*known) if len(known) == len(numbers) else None


def keep_limit(
    connection: sqlite3.Connection, subject: Subject, place: str, limit: float, at: float
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO too_much (device, model, width, height, frames, place, bytes, at) "
        "VALUES (?,?,?,?,?,?,?,?)",
        (*subject, place, limit, at),
    )


def limits(connection: sqlite3.Connection, since: float) -> dict[Subject, dict[str, float]]:
    """Those found out since then; older ones are of another driver, or another desktop."""
    found: dict[Subject, dict[str, float]] = {}
    for row in connection.execute("SELECT * FROM too_much WHERE at >= ?", (since,)):
        subject = Subject(*(row[name] for name in Subject._fields))
        found.setdefault(subject, {})[row["place"]] = row["bytes"]
    return found
