"""A state of every schema so far loads for ever.

`tests/data/schema-NNNN` is the home of a daemon of that time, killed with SIGKILL while its fourth
job ran: the database with its log, and the jobs' folders. They were made by the daemons themselves
and are never changed; a migration adds one, by `tests/data/README.md`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.running import job_when, running_daemon, tiny
from wantui.api.job import JobState
from wantui.database import migrations

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

DATA = Path(__file__).parents[1] / "data"
STATES = sorted(path.name for path in DATA.iterdir() if path.is_dir())


def test_there_is_a_state_of_every_schema_but_the_one_that_is_not_released() -> None:
    kept = [f"schema-{number:04}" for number in range(1, len(migrations()) + 1)]
    assert kept[: len(STATES)] == STATES
    assert len(kept) - len(STATES) <= UNRELEASED


UNRELEASED = 3
"""Migrations of the release that is being made: its last one is kept when it is out."""


@pytest.mark.parametrize("state", STATES)
async def test_an_old_state_loads_and_its_jobs_go_on(tmp_path: Path, state: str) -> None:
    for part in ("state", "data"):
        shutil.copytree(DATA / state / part, tmp_path / part)
        (tmp_path / part).chmod(0o700)
    (tmp_path / "data" / "jobs").chmod(0o700)
    with running_daemon(tmp_path) as daemon:
        async with daemon.client() as client:
            jobs = {job.id: job for job in (await client.jobs()).jobs}
            assert {id: job.params.prompt for id, job in jobs.items()} == {
                1: "a red circle",
                2: "held",
                3: "cancelled",
                4: "cut short",
                5: "waiting",
            }
            assert jobs[1].state is JobState.COMPLETED
            assert jobs[1].output is not None
            assert jobs[2].state is JobState.HELD
            assert jobs[3].state is JobState.CANCELLED
            assert jobs[4].attempts[0].daemon_died
            for job_id in (4, 5):
                done = await job_when(client, job_id, lambda job: job.state.finished)
                assert done.state is JobState.COMPLETED, done.error
            assert (await client.submit(tiny(hold=True))).id == 6
