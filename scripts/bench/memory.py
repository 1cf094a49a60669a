"""What the daemon and its worker grow by, over 1,000 jobs one after the other."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import psutil
from row import RunningDaemon, row, running_daemon, tiny
from tests.running import job_when

from wantui.api.batch import BatchRequest

JOBS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
BATCH = 100
MIB = 2**20


async def measure(daemon: RunningDaemon) -> list[tuple[int, int]]:
    """Resident bytes of daemon and worker after each batch; the first one warms them up."""
    curve = []
    async with daemon.client() as client:
        for first in range(0, JOBS, BATCH):
            wanted = tuple(tiny(f"clip {first + n}", seed=first + n) for n in range(BATCH))
            sent = await client.submit_batch(BatchRequest(jobs=wanted))
            await job_when(client, sent.jobs[-1].id, lambda job: job.state.finished)
            (worker,) = (await client.workers()).workers
            if worker.pid is None:
                sys.exit("the worker is gone")
            curve.append((_rss(daemon.pid), _rss(worker.pid)))
    return curve


def _rss(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss


def main() -> None:
    with tempfile.TemporaryDirectory() as home, running_daemon(Path(home)) as daemon:
        curve = asyncio.run(measure(daemon))
    for name, sizes in zip(("daemon", "worker"), zip(*curve, strict=True), strict=True):
        warm, last = sizes[0], sizes[-1]
        row(
            f"RSS of the {name} after {JOBS} jobs vs after {BATCH}",
            f"{last / MIB:.0f} MiB",
            f"{warm / MIB:.0f} MiB",
            f"{last / warm:.3f}x",
            "< 1.02x" if name == "worker" else "-",
        )


if __name__ == "__main__":
    main()
