"""A real daemon on a home of its own, for tests that talk to one or kill one."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import httpx2

from wantui.api.job import Job, JobRequest
from wantui.api.queue import Queue
from wantui.api.status import Status
from wantui.client import Address, Client
from wantui.paths import Paths

PATIENCE_S = 60.0
POLL_S = 0.02
MOST_SAID = 4000
"""Characters of what a daemon that did not start has said."""


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
        yield Client(Address(self.paths.socket, own=True))

    def call(
        self, method: str, url: str, body: bytes | dict[str, Any] | None = None
    ) -> httpx2.Response:
        """As any HTTP client of one's own would."""
        return call(self.paths.socket, method, url, body)

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> RunningDaemon:
        """Another daemon on the same home, once this one is gone."""
        return _started(self.environment)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def environment_for(home: Path, settings: str = "") -> dict[str, str]:
    """A process environment in which all of wantui lives below `home`, the hub's cache too."""
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "wantui.toml").write_text(settings, "utf-8")
    hidden = (
        *("WANTUI_HOST", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"),
        *("NO_COLOR", "COLUMNS", "LINES", "SSH_CONNECTION", "SSH_TTY"),
    )
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "WANTUI_HOME": str(home), "HF_HOME": str(home / "hf")}


@contextmanager
def running_daemon(
    home: Path,
    settings: str = "",
    enter: Sequence[str] = (),
    more: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[RunningDaemon]:
    """Started, answering, and stopped again at the end.

    `enter` is what its command begins with, if it is to see another disk; `more` goes into its
    environment.
    """
    daemon = _started({**environment_for(home, settings), **more}, enter)
    try:
        yield daemon
    finally:
        daemon.stop()


def _started(environment: Mapping[str, str], enter: Sequence[str] = ()) -> RunningDaemon:
    paths = Paths.from_environment(environment)
    with tempfile.TemporaryFile() as said:
        process = spawn(environment, enter, said)
        try:
            pid_that_answers(environment, {process.pid}, process)
        except BaseException as error:
            process.kill()
            process.wait()
            said.seek(0)
            error.add_note(said.read().decode(errors="replace")[-MOST_SAID:])
            raise
    return RunningDaemon(dict(environment), paths, process)


def spawn(
    environment: Mapping[str, str],
    enter: Sequence[str] = (),
    stderr: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """A daemon's process, which may not answer yet, or ever."""
    return subprocess.Popen(
        [*enter, sys.executable, "-m", "wantui.daemon", "run"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
    )


def pid_that_answers(
    environment: Mapping[str, str],
    wanted: set[int],
    process: subprocess.Popen[bytes] | None = None,
) -> int:
    """Wait until one of the wanted processes answers; fail at once if `process` ends."""
    path = Paths.from_environment(environment).socket
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if listens(path):
            pid = int(call(path, "GET", "/api/hello").json()["pid"])
            if pid in wanted:
                return pid
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the daemon ended with {process.returncode}")
        select.select([], [], [], POLL_S)
    raise AssertionError("no daemon answers")


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def call(
    path: Path, method: str, url: str, body: bytes | dict[str, Any] | None = None
) -> httpx2.Response:
    """One plain HTTP request over the socket; a dict goes as JSON."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    headers = {"Content-Type": "application/json"} if isinstance(body, dict) else {}
    transport = httpx2.HTTPTransport(uds=str(path), verify=False)
    with httpx2.Client(transport=transport, base_url="http://wantui", timeout=60) as client:
        return client.request(method, url, content=content, headers=headers)


async def job_when(client: Client, job_id: int, met: Callable[[Job], bool]) -> Job:
    """The job as soon as it is as wanted, told by the daemon's events."""
    async with asyncio.timeout(PATIENCE_S):
        async for item in client.follow():
            known = item.jobs if isinstance(item, Status) else (item.object,)
            for job in known:
                if isinstance(job, Job) and job.id == job_id and met(job):
                    return job
    raise AssertionError("the events ended")


async def queue_when(client: Client, met: Callable[[Queue], bool]) -> Queue:
    """The queue as soon as an event says that it is as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        async for item in client.follow():
            queue = item.queue if isinstance(item, Status) else item.object
            if isinstance(queue, Queue) and met(queue):
                return queue
    raise AssertionError("the events ended")


def tiny(prompt: str = "a red circle", **fields: object) -> JobRequest:
    """A demo job of a second or two."""
    values = {"model": "demo", "size": "32x32", "frames": 5, "steps": 2, "seed": 7, **fields}
    return JobRequest.model_validate({"prompt": prompt, **values})
