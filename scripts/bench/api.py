"""The API with 10,000 jobs in the queue, at rest and with a busy worker."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import sqlite3
import tempfile
import time
from pathlib import Path

from row import RunningDaemon, median, row, running_daemon, tiny
from tests.running import job_when

from wantui.api.job import Job, JobState

JOBS = 10_000
REQUESTS = 300
BATCH = 100
JSON = {"Content-Type": "application/json"}
STATES = (JobState.HELD, JobState.COMPLETED, JobState.QUEUED)
WITHOUT_WEIGHTS = "ti2v-5b"
"""What the queued ones are for, so that they wait while another runs."""


async def submit(daemon: RunningDaemon, **fields: object) -> Job:
    async with daemon.client() as client:
        return await client.submit(tiny(**fields))  # type: ignore[arg-type]


async def make_busy(daemon: RunningDaemon) -> None:
    """Until the worker is past its imports and takes its first steps."""
    async with daemon.client() as client:
        job = await client.submit(tiny(size="256x256", frames=33, steps=100))
        await job_when(client, job.id, lambda job: bool(job.progress and job.progress.of))


def fill(database: Path, job: Job) -> None:
    """Many jobs like one that was accepted, in three states, written while no daemon runs."""
    with sqlite3.connect(database) as connection:
        connection.executemany(
            "INSERT INTO jobs (id, state, model, rev, created_at, document) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                (n, each.state, each.model, each.rev, each.created_at, each.model_dump_json())
                for n in range(job.id + 1, job.id + JOBS)
                for each in (made(job, n, STATES[n % 3]),)
            ),
        )
        connection.executemany(
            "INSERT INTO job_words (id, owner, words) VALUES (?, ?, ?)",
            ((n, job.owner, f"number {n}\n") for n in range(job.id + 1, job.id + JOBS)),
        )
        connection.executemany(
            "INSERT INTO generations (job, model, ended_at, succeeded, seconds) "
            "VALUES (?, ?, ?, ?, ?)",
            ((n, job.model, time.time() - n, n % 10 > 0, 4.0) for n in range(job.id + 1, JOBS)),
        )
    connection.close()


def made(job: Job, number: int, state: JobState) -> Job:
    model = WITHOUT_WEIGHTS if state is JobState.QUEUED else job.model
    return job.model_copy(update={"id": number, "state": state, "model": model})


def batch_of(count: int) -> bytes:
    held = tiny(hold=True).model_dump_json(exclude_unset=True)
    return f'{{"jobs": [{", ".join([held] * count)}]}}'.encode()


class Connection(http.client.HTTPConnection):
    """One kept open to a socket; the plainest client there is, so that the time is the daemon's."""

    def __init__(self, path: Path) -> None:
        super().__init__("wantui")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


def timed_ms(
    connection: Connection, url: str, body: bytes | None = None, count: int = REQUESTS
) -> float:
    """Median of so many requests: of POSTs where there is a body."""
    times: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("GET" if body is None else "POST", url, body, JSON if body else {})
        response = connection.getresponse()
        response.read()
        times.append((time.perf_counter() - began) * 1000)
        if response.status not in (200, 201):
            raise AssertionError(f"{url}: {response.status}")
    return median(times)


def measure(daemon: RunningDaemon, when: str) -> None:
    with contextlib.closing(Connection(daemon.paths.socket)) as connection:
        one = timed_ms(connection, "/api/jobs/5000")
        page = timed_ms(connection, "/api/jobs?limit=100")
        status = timed_ms(connection, "/api/status")
        models = timed_ms(connection, "/api/models")
        search = timed_ms(connection, "/api/jobs?limit=100&search=4321+number")
        move = timed_ms(connection, "/api/jobs/9998/move", b'{"to": "top"}', 50)
        batch = timed_ms(connection, "/api/jobs/batch", batch_of(BATCH), 5)
        metrics = timed_ms(connection, "/api/metrics")
    row(f"API p50, {JOBS} jobs, {when}: one job", f"{one:.2f} ms", "-", "-", "< 2 ms")
    row(f"API p50, {JOBS} jobs, {when}: list of 100", f"{page:.2f} ms", "-", "-", "< 5 ms")
    row(f"API p50, {JOBS} jobs, {when}: status of 550", f"{status:.2f} ms", "-", "-", "-")
    row(f"API p50, {JOBS} jobs, {when}: search in all", f"{search:.2f} ms", "-", "-", "< 20 ms")
    row(f"API p50, {JOBS} jobs, {when}: move to the top", f"{move:.2f} ms", "-", "-", "< 50 ms")
    row(f"API p50, {JOBS} jobs, {when}: batch of {BATCH}", f"{batch:.0f} ms", "-", "-", "-")
    row(f"API p50, {JOBS} jobs, {when}: all models", f"{models:.2f} ms", "-", "-", "-")
    row(f"API p50, {JOBS} jobs, {when}: metrics", f"{metrics:.2f} ms", "-", "-", "-")


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
