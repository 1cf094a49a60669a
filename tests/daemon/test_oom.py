"""The kernel's OOM killer, for real: it takes the worker, and the job is told why."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import job_when, running_daemon, tiny
from wantui.api.job import JobState
from wantui.errors import WrongState

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

MOUNT = Path("/sys/fs/cgroup")
ROOM_BYTES = 8_000_000
"""What the group may still take once the worker is there: less than a job needs."""


class Group:
    """A control group of our own, of either version."""

    def __init__(self) -> None:
        v1 = (MOUNT / "memory").is_dir()
        self._folder = (MOUNT / "memory" if v1 else MOUNT) / f"wantui-test-{os.getpid()}"
        self._limit = "memory.limit_in_bytes" if v1 else "memory.max"
        self._usage = "memory.usage_in_bytes" if v1 else "memory.current"

    def make(self) -> None:
        """Raises OSError where one may not be made, or memory is not counted."""
        self._folder.mkdir()
        (self._folder / self._limit).read_text("ascii")

    def take(self, pid: int) -> None:
        """And all that it starts from now on."""
        (self._folder / "cgroup.procs").write_text(str(pid), "ascii")

    def allow(self, more_bytes: int) -> None:
        used = int((self._folder / self._usage).read_text("ascii"))
        (self._folder / self._limit).write_text(str(used + more_bytes), "ascii")

    def remove(self) -> None:
        if self._folder.is_dir():
            self._folder.rmdir()


@pytest.fixture
def group() -> Iterator[Group]:
    group = Group()
    try:
        group.make()
    except OSError as error:
        group.remove()
        pytest.skip(f"no control group can be made here: {error}")
    yield group
    group.remove()


async def test_a_worker_that_the_kernel_kills_for_memory_is_told_so_and_the_daemon_lives(
    tmp_path: Path, group: Group
) -> None:
    with running_daemon(tmp_path, "[queue]\nmax_crashes = 1\n") as daemon:
        group.take(daemon.pid)
        async with daemon.client() as client:
            job = await client.submit(tiny(size="256x256", frames=33, steps=6))
            await job_when(
                client, job.id, lambda job: bool(job.attempts and job.attempts[-1].worker_pid)
            )
            group.allow(ROOM_BYTES)
            killed = await job_when(client, job.id, lambda job: job.attempts[0].error is not None)
            group.allow(4 << 30)
            assert (await client.hello()).pid == daemon.pid
            with contextlib.suppress(WrongState):  # it has ended, or does so just now
                await client.cancel(job.id)
    error = killed.attempts[0].error
    assert error is not None
    assert error.code == "host_out_of_memory"
    assert killed.state in (JobState.FAILED, JobState.QUEUED)
