"""The shared daemon as the command line sees it: an environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.command import TINY, document, wantui
from tests.running import RunningDaemon


@pytest.fixture
def environment(daemon: RunningDaemon) -> dict[str, str]:
    return daemon.environment


@pytest.fixture
def held(environment: dict[str, str]) -> Iterator[int]:
    """A job that stays unfinished until the test ends."""
    job_id = int(wantui(environment, "generate", "a held one", *TINY, "--hold").stdout)
    yield job_id
    wantui(environment, "cancel", str(job_id))


@pytest.fixture(scope="session")
def finished(daemon: RunningDaemon) -> int:
    """A job with a video."""
    return int(document(daemon.environment, "generate", "a red circle", *TINY)["id"])


@pytest.fixture
def paused(environment: dict[str, str]) -> Iterator[None]:
    """While no job is started."""
    wantui(environment, "pause")
    yield
    wantui(environment, "resume")
