"""Running the real `wantui` as people do: from a script, and in a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tests.terminal import read_terminal, start_in_terminal

PATIENCE_S = 60
WANTUI = (sys.executable, "-m", "wantui")
CTRL_C = b"\x03"
TINY = ("--model", "demo", "--size", "32x32", "--frames", "5", "--steps", "2", "--seed", "7")
"""Options of a job that takes a moment."""


def wantui(
    environment: Mapping[str, str],
    *arguments: str | bytes,
    stdin: bytes = b"",
    exits: int = 0,
    cwd: os.PathLike[str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal and see that it exits as it should."""
    done = subprocess.run(
        [*WANTUI, *arguments],
        env=dict(environment),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_S,
        cwd=cwd,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == exits, f"{arguments}: exit {done.returncode}\n{out}\n{err}"
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def document(environment: Mapping[str, str], *arguments: str, exits: int = 0) -> dict[str, Any]:
    """The one JSON document that a verb prints with --json."""
    done = wantui(environment, *arguments, "--json", exits=exits)
    (line,) = done.stdout.splitlines()
    parsed: dict[str, Any] = json.loads(line)
    assert next(iter(parsed)) == "schema_version"
    assert parsed["schema_version"] == 1
    return parsed


class Terminal:
    """A process whose controlling terminal is ours to type on and to read."""

    def __init__(
        self, environment: Mapping[str, str], *arguments: str, columns: int, data_too: bool
    ) -> None:
        self.process, self._master = start_in_terminal(
            [*WANTUI, *arguments], environment, columns=columns, data_too=data_too
        )
        self._shown = ""

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def read_until(self, pattern: str) -> re.Match[str]:
        """Wait until the terminal has been sent something that matches."""
        while not (found := re.search(pattern, self._shown)):
            assert self._more(), f"ended before {pattern!r}: {self._shown!r}"
        return found

    def rest(self) -> str:
        """All that the terminal was sent, once the process has ended."""
        while self._more():
            pass
        self.process.wait(PATIENCE_S)
        return self._shown

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self._master)

    def _more(self) -> bool:
        piece = read_terminal(self._master)
        self._shown += piece.decode("utf-8", "replace")
        return bool(piece)


@contextlib.contextmanager
def in_terminal(
    environment: Mapping[str, str], *arguments: str, columns: int = 80, data_too: bool = True
) -> Iterator[Terminal]:
    """Run it in a terminal; with `data_too` false standard out is a pipe."""
    terminal = Terminal(environment, *arguments, columns=columns, data_too=data_too)
    try:
        yield terminal
    finally:
        terminal.close()
