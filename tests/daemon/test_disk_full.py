"""A daemon whose disk is full, or takes no writes: on real disks of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import WANTUI
from tests.disks import Disk, fill, image_disk, small_disk
from tests.running import RunningDaemon, job_when, queue_when, running_daemon, tiny
from wantui.api.job import JobState, WaitsFor
from wantui.api.queue import Queue
from wantui.client import Client
from wantui.daemon.room import ROOM_BYTES
from wantui.errors import DiskFull, DiskReadOnly

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

SIZE = ROOM_BYTES + (32 << 20)


@dataclass(frozen=True)
class OnDisk:
    daemon: RunningDaemon
    disk: Disk

    @property
    def filler(self) -> Path:
        return self.disk.seen / "filler"

    def answers(self, url: str) -> int:
        return self.daemon.call("GET", url).status_code

    def said(self, *words: str) -> str:
        """What a command narrates, of those that see the disk."""
        command = [*self.disk.enter, *WANTUI, *words]
        environment = self.daemon.environment
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stderr


def home_on(path: Path) -> Path:
    """A home so deep that its socket is elsewhere, where it is seen without the disk."""
    return path / ("d" * 60) / ("e" * 60)


@contextmanager
def full_disk_daemon(path: Path) -> Iterator[OnDisk]:
    home = home_on(path)
    with (
        small_disk(home, SIZE) as disk,
        running_daemon(home, enter=disk.enter) as daemon,
    ):
        yield OnDisk(daemon, disk)


async def submit_many(client: Client) -> None:
    for _ in range(1000):
        await client.submit(tiny("x" * 4000))


def rests(queue: Queue) -> bool:
    return WaitsFor.DISK in queue.waits_for


async def test_a_full_disk_refuses_and_rests_and_goes_on_by_itself(tmp_path: Path) -> None:
    with full_disk_daemon(tmp_path) as on:
        async with on.daemon.client() as client:
            await client.pause()
            before = await client.submit(tiny("kept"))
            fill(on.filler)
            with pytest.raises(DiskFull):
                await submit_many(client)  # what a WAL has reserved is used up first
            queue = await queue_when(client, rests)
            assert queue.waits_for == (await client.queue()).waits_for
            answer = on.daemon.call("POST", "/api/jobs", {"prompt": "again", "model": "demo"})
            assert answer.status_code == 507
            assert answer.json()["error"]["code"] == "disk_full"
            assert rests((await client.status()).queue)
            assert "the disk is full" in on.said("queue")
            assert (await client.job(before.id)).params.prompt == "kept"
            assert [on.answers(url) for url in ("/healthz", "/readyz")] == [200, 507]
            on.filler.unlink()
            await queue_when(client, lambda queue: not rests(queue))  # paused as it is
            await client.resume()
            done = await job_when(client, before.id, lambda job: job.state.finished)
            assert done.state is JobState.COMPLETED
            assert on.answers("/readyz") == 200
            assert (await client.submit(tiny("later", hold=True))).state is JobState.HELD


async def test_with_nothing_queued_it_is_noticed_that_there_is_room_again(tmp_path: Path) -> None:
    with full_disk_daemon(tmp_path) as on:
        async with on.daemon.client() as client:
            fill(on.filler)
            with pytest.raises(DiskFull):
                await client.upload(picture())
            await queue_when(client, rests)
            on.filler.unlink()
            await queue_when(client, lambda queue: not rests(queue))


async def test_a_job_that_ends_on_a_full_disk_ends_once_there_is_room(tmp_path: Path) -> None:
    with full_disk_daemon(tmp_path) as on:
        async with on.daemon.client() as client:
            job = await client.submit(tiny(size="128x128", frames=17, steps=10))
            await job_when(client, job.id, lambda job: job.state is JobState.RUNNING)
            fill(on.filler)
            await queue_when(client, rests)
            assert not (await client.job(job.id)).state.finished
            on.filler.unlink()
            done = await job_when(client, job.id, lambda job: job.state.finished)
    assert done.state is JobState.COMPLETED


@pytest.mark.slow
async def test_a_daemon_that_was_killed_starts_on_a_full_disk_and_loses_nothing(
    tmp_path: Path,
) -> None:
    with full_disk_daemon(tmp_path) as on:
        async with on.daemon.client() as client:
            running = await client.submit(tiny(size="256x256", frames=33, steps=100))
            waiting = await client.submit(tiny("waits"))
            await job_when(client, running.id, lambda job: job.state is JobState.RUNNING)
        fill(on.filler)
        on.daemon.kill()
        fill(on.filler)
        with running_daemon(home_on(tmp_path), enter=on.disk.enter) as successor:
            async with successor.client() as client:
                jobs = {job.id: job for job in (await client.status()).jobs}
                assert set(jobs) == {running.id, waiting.id}
                assert jobs[running.id].attempts[0].daemon_died
                on.filler.unlink()
                await client.cancel(running.id)
                done = await job_when(client, waiting.id, lambda job: job.state.finished)
                assert done.state is JobState.COMPLETED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes file systems")
async def test_a_disk_that_stops_taking_writes_refuses_and_is_still_read(tmp_path: Path) -> None:
    """As when the kernel finds a file system damaged: under the feet of a daemon that runs."""
    home = home_on(tmp_path)
    with ExitStack() as stack:
        make = ("-t", "ext4", "-e", "remount-ro")
        disk = stack.enter_context(image_disk(home, tmp_path / "image", 256 << 20, *make))
        daemon = stack.enter_context(running_daemon(home, enter=disk.enter))
        on = OnDisk(daemon, disk)
        async with daemon.client() as client:
            await client.pause()
            kept = await client.submit(tiny("kept"))
            abort(disk)
            with pytest.raises(DiskFull):
                await client.submit(tiny())
            await queue_when(client, rests)
            with pytest.raises(DiskReadOnly):
                await client.submit(tiny())
            assert (await client.job(kept.id)).params.prompt == "kept"
            assert [on.answers(url) for url in ("/healthz", "/readyz")] == [200, 507]
            assert "takes no writes" in on.said("queue")


def abort(disk: Disk) -> None:
    """ext4(5), `abort`: as when the kernel finds it damaged."""
    command = (*disk.enter, "mount", "-o", "remount,abort", str(disk.mount))
    if subprocess.run(command, check=False).returncode != 0:
        pytest.skip("this kernel lets nobody abort a file system")


def picture() -> bytes:

    content = BytesIO()
    Image.effect_noise((512, 512), 100).save(content, "PNG")
    return content.getvalue()
