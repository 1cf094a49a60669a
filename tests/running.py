"""A real daemon on a home of its own, for tests that talk to one or kill one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from wantui.api.job import Job, JobRequest
from wantui.api.status import Status
from wantui.client import Address, Client
from wantui.errors import DaemonUnreachable
from wantui.paths import Paths

PATIENCE_S = 60.0
POLL_S = 0.02


@dataclass
class RunningDaemon:
    environment: dict[str, str]
    paths: Paths
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with Client(Address(self.paths.socket, own=True)) as client:
            yield client

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> RunningDaemon:
        """Another daemon on the same home, once this one is gone."""
        return _spawn(self.environment)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def environment_for(home: Path, settings: str = "") -> dict[str, str]:
    """A process environment in which all of wantui lives below `home`, the hub's cache too."""
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "wantui.toml").write_text(settings, "utf-8")
    hidden = ("WANTUI_HOST", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "NO_COLOR", "HF_TOKEN")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "WANTUI_HOME": str(home), "HF_HOME": str(home / "hf")}


@contextmanager
def running_daemon(home: Path, settings: str = "") -> Iterator[RunningDaemon]:
    """Started, answering, and stopped again at the end."""
    daemon = _spawn(environment_for(home, settings))
    try:
        yield daemon
    finally:
        daemon.stop()


def _spawn(environment: Mapping[str, str]) -> RunningDaemon:
    process = subprocess.Popen(
        [sys.executable, "-m", "wantui.daemon", "run"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    daemon = RunningDaemon(dict(environment), Paths.from_environment(environment), process)
    asyncio.run(_answering(daemon))
    return daemon


async def _answering(daemon: RunningDaemon) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if daemon.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {daemon.process.returncode}")
        try:
            async with daemon.client() as client:
                if (await client.hello()).pid == daemon.pid:
                    return
        except DaemonUnreachable:
            await asyncio.sleep(POLL_S)
    raise AssertionError("the daemon does not answer")


async def job_when(client: Client, job_id: int, met: Callable[[Job], bool]) -> Job:
    """The job as soon as it is as wanted, told by the daemon's events."""
    async with asyncio.timeout(PATIENCE_S):
        async for item in client.follow():
            known = item.jobs if isinstance(item, Status) else (item.object,)
            for job in known:
                if isinstance(job, Job) and job.id == job_id and met(job):
                    return job
    raise AssertionError("the events ended")


def tiny(prompt: str = "a red circle", **fields: object) -> JobRequest:
    """A demo job of a second or two."""
    values = {"model": "demo", "size": "32x32", "frames": 5, "steps": 2, "seed": 7, **fields}
    return JobRequest.model_validate({"prompt": prompt, **values})
