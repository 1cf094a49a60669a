"""The `downloads` table: plain functions on a connection, run on the database's thread."""

from __future__ import annotations

import sqlite3

from wantui.api.download import Download, DownloadState

OPEN = tuple(state for state in DownloadState if state.open)


def insert(connection: sqlite3.Connection, download: Download) -> Download:
    """Give it its id and keep it."""
    cursor = connection.execute(
        "INSERT INTO downloads (state, document) VALUES (?, '')", (download.state,)
    )
    if cursor.lastrowid is None:
        raise AssertionError("an INSERT has a row id")
    numbered = download.model_copy(update={"id": cursor.lastrowid})
    update(connection, numbered)
    return numbered


def update(connection: sqlite3.Connection, download: Download) -> None:
    connection.execute(
        "UPDATE downloads SET state = ?, document = ? WHERE id = ?",
        (download.state, download.model_dump_json(), download.id),
    )


def latest(connection: sqlite3.Connection, limit: int) -> list[Download]:
    """All open ones, and the last of the others; oldest first."""
    marks = ", ".join("?" for _ in OPEN)
    rows = connection.execute(
        f"SELECT document FROM downloads WHERE state IN ({marks}) OR id IN "  # noqa: S608 - marks
        f"(SELECT id FROM downloads WHERE state NOT IN ({marks}) ORDER BY id DESC LIMIT ?) "
        "ORDER BY id",
        (*OPEN, *OPEN, limit),
    )
    return [Download.model_validate_json(row["document"]) for row in rows]
