"""A real fetcher process on the other end of a pipe, and the order that it gets."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hub import Hub
from wantui.errors import WantuiError
from wantui.pipe.fetch import (
    Checked,
    Fetched,
    FetchFailed,
    Fetching,
    FetchOrder,
    FetchReport,
    Halt,
    Halted,
    Listed,
    PullFiles,
    fetch_report,
)
from wantui.pipe.framing import encode

PATIENCE_S = 60.0
REPOSITORY = "Wan-AI/Tiny"
FETCHER = (sys.executable, "-m", "wantui.fetcher")


class Fetcher:
    def __init__(
        self,
        hub: Hub,
        home: Path,
        environment: dict[str, str],
        command: Sequence[str] = FETCHER,
    ) -> None:
        self.home = home
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE_S)
        hidden = ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        with theirs:
            self.process = subprocess.Popen(
                [*command, "--fd", str(theirs.fileno()), "--parent", str(os.getpid())],
                env={
                    **kept,
                    "HF_ENDPOINT": hub.endpoint,
                    "HF_HOME": str(home),
                    "HF_HUB_DISABLE_TELEMETRY": "1",
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        self._pipe = ours
        self._lines = ours.makefile("rb")

    @property
    def cache(self) -> Path:
        return self.home / "hub"

    @property
    def folder(self) -> Path:
        return self.cache / f"models--{REPOSITORY.replace('/', '--')}"

    def order(self, paths: Sequence[str], **fields: Any) -> None:
        wanted = {
            "repository": fields.pop("repository", REPOSITORY),
            "revision": fields.pop("revision", None),
            "paths": tuple(paths),
        }
        values = {
            "wanted": (wanted,),
            "hub_cache": str(self.cache),
            "connections": 4,
            "bytes_a_second": None,
            "stall_s": 5.0,
            "tries": 4,
            **fields,
        }
        self.send(PullFiles.model_validate(values))

    def send(self, order: FetchOrder) -> None:
        self._pipe.sendall(encode(order))

    def halt(self) -> None:
        self._pipe.sendall(encode(Halt()))

    def report(self) -> FetchReport:
        line = self._lines.readline()
        assert line, f"it is gone: {self.errors()}"
        return fetch_report.validate_json(line)

    def fetching(self, least: int) -> Fetching:
        """Wait until so many bytes came."""
        while True:
            report = self.report()
            assert isinstance(report, Fetching | Listed | Checked), report
            if isinstance(report, Fetching) and report.fetched >= least:
                return report

    def checked(self) -> Iterator[Checked]:
        """What a verification says of each file, until its end. Raises what it failed of."""
        while not isinstance(report := self.report(), Fetched):
            if isinstance(report, FetchFailed):
                raise report.error.to_error()
            if isinstance(report, Checked):
                yield report

    def fetched(self) -> Fetched:
        """Wait for the end. Raises what it failed of."""
        while True:
            report = self.report()
            if isinstance(report, FetchFailed):
                raise report.error.to_error()
            assert not isinstance(report, Halted)
            if isinstance(report, Fetched):
                assert self.process.wait(PATIENCE_S) == 0
                return report

    def hang_up(self) -> None:
        """As a daemon that died."""
        self._pipe.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def close(self) -> None:
        self._lines.close()
        self._pipe.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def fetcher(
    hub: Hub, home: Path, command: Sequence[str] = FETCHER, **environment: str
) -> Iterator[Fetcher]:
    """`command` is another, if it is to see another disk or to be of another kind."""
    running = Fetcher(hub, home, environment, command)
    try:
        yield running
    finally:
        running.close()


def pull(hub: Hub, home: Path, paths: Sequence[str], **fields: Any) -> Fetched:
    """All of it, at once. Raises what it failed of."""
    with fetcher(hub, home) as running:
        running.order(paths, **fields)
        return running.fetched()


def refusal(hub: Hub, home: Path, paths: Sequence[str], **fields: Any) -> WantuiError:
    try:
        pull(hub, home, paths, **fields)
    except WantuiError as error:
        return error
    raise AssertionError("it was pulled")
