"""What tests of single parts of a daemon share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wantui.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "wantui.db")
    await database.start()
    yield database
    await database.stop()
