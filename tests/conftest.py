"""What all tests share: one daemon with a warm worker for those that do not kill theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.running import RunningDaemon, running_daemon

# Tests run several at a time, and so do their workers: threads that wait for one another by
# spinning would take the cores from those that they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# How long an example takes on a busy machine says nothing of the code.
settings.register_profile("wantui", deadline=None)
settings.load_profile("wantui")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """Shared by the whole run: leave its queue running and nothing of yours unfinished."""
    with running_daemon(tmp_path_factory.mktemp("wantui")) as running:
        yield running
