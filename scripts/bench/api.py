"""The API with 10,000 jobs in the queue, at rest and with a busy worker."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

import httpx2
from row import RunningDaemon, median, row, running_daemon, tiny
from tests.running import job_when

from wantui.api.job import Job

JOBS = 10_000
REQUESTS = 300


async def submit(daemon: RunningDaemon, **fields: object) -> Job:
    async with daemon.client() as client:
        return await client.submit(tiny(**fields))  # type: ignore[arg-type]


async def make_busy(daemon: RunningDaemon) -> None:
    """Until the worker is past its imports and takes its first steps."""
    async with daemon.client() as client:
        job = await client.submit(tiny(size="256x256", frames=33, steps=100))
        await job_when(client, job.id, lambda job: bool(job.progress and job.progress.of))


def fill(database: Path, job: Job) -> None:
    """Many held jobs like one that was accepted, written while no daemon runs."""
    with sqlite3.connect(database) as connection:
        connection.executemany(
            "INSERT INTO jobs (id, state, model, rev, created_at, document) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                (n, each.state, each.model, each.rev, each.created_at, each.model_dump_json())
                for n in range(job.id + 1, job.id + JOBS)
                for each in (job.model_copy(update={"id": n}),)
            ),
        )
    connection.close()


def timed_ms(client: httpx2.Client, url: str) -> float:
    times: list[float] = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        client.get(url).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


def measure(daemon: RunningDaemon, when: str) -> None:
    transport = httpx2.HTTPTransport(uds=str(daemon.paths.socket), verify=False)
    with httpx2.Client(transport=transport, base_url="http://wantui", timeout=60) as client:
        one = timed_ms(client, "/api/jobs/5000")
        page = timed_ms(client, "/api/jobs?limit=100")
    row(f"API p50, {JOBS} jobs, {when}: one job", f"{one:.2f} ms", "-", "-", "< 2 ms")
    row(f"API p50, {JOBS} jobs, {when}: list of 100", f"{page:.2f} ms", "-", "-", "< 5 ms")


def main() -> None:
    settings = "[queue]\nmax_unfinished = 20000\n"
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home), settings) as daemon:
        job = asyncio.run(submit(daemon, hold=True))
        daemon.stop()
        fill(daemon.paths.database, job)
        with_jobs = daemon.restart()
        try:
            measure(with_jobs, "worker idle")
            asyncio.run(make_busy(with_jobs))
            measure(with_jobs, "worker busy")
        finally:
            with_jobs.stop()


if __name__ == "__main__":
    main()
