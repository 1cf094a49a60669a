"""The numbers of jobs, which are never used twice: not by an empty database either."""

from __future__ import annotations

import sqlite3


def number_after(connection: sqlite3.Connection, highest: int) -> None:
    """Give no new job a number up to `highest`: a job of an earlier database has its folder there.

    AUTOINCREMENT keeps the last one in `sqlite_sequence`: https://www.sqlite.org/autoinc.html.
    """
    if highest <= 0:
        return
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    if row is None:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('jobs', ?)", (highest,))
    elif row["seq"] < highest:
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'jobs'", (highest,))
