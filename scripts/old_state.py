"""Make what `tests/data` keeps of a release: the home of its daemon, killed in the middle.

    python scripts/old_state.py NUMBER TO

NUMBER is the release's schema, TO the folder for `schema-NUMBER`. Run it with the Python that has
the release installed, or with PYTHONPATH set to its `src`. Only HTTP and files are used: the code
that runs it may be any wantui's, or none.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TINY = {"model": "demo", "size": "32x32", "frames": 5, "steps": 2, "seed": 7}
SETTINGS = "[worker]\ncheckpoint_every_s = 0.0\n"
POLL_S = 0.05
PATIENCE_S = 60.0
LEFT_OUT = ("log.txt", "preview.webp", "checkpoint.safetensors", "*.wantui-tmp")


class Line(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("wantui", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


class Api:
    def __init__(self, path: Path) -> None:
        self._path = path

    def call(self, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        line = Line(self._path)
        content = None if body is None else json.dumps(body)
        line.request(method, url, content, {"Content-Type": "application/json"})
        reply: dict[str, Any] = json.loads(line.getresponse().read())
        return reply

    def submit(self, prompt: str, **fields: object) -> int:
        return int(self.call("POST", "/api/jobs", {"prompt": prompt, **TINY, **fields})["id"])

    def until(self, job_id: int, met: Callable[[dict[str, Any]], bool]) -> None:
        patiently(lambda: met(self.call("GET", f"/api/jobs/{job_id}")))


def patiently(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if met():
                return
        except OSError:  # nobody listens yet
            pass
        time.sleep(POLL_S)
    raise SystemExit("it did not come about in time")


def live(api: Api) -> None:
    """The five jobs that `tests/data/README.md` tells of."""
    patiently(lambda: bool(api.call("GET", "/api/hello")))
    first = api.submit("a red circle")
    api.until(first, lambda job: job["state"] == "completed")
    api.submit("held", hold=True)
    api.call("POST", f"/api/jobs/{api.submit('cancelled', hold=True)}/cancel")
    cut = api.submit("cut short", size="128x128", frames=17, steps=20)
    api.submit("waiting")
    api.until(cut, lambda job: (job.get("progress") or {}).get("step", 0) >= 2)


def main() -> None:
    number, to = int(sys.argv[1]), Path(sys.argv[2]) / f"schema-{int(sys.argv[1]):04}"
    with tempfile.TemporaryDirectory(prefix="wantui-home-") as folder:
        home = Path(folder)
        (home / "config").mkdir()
        (home / "config" / "wantui.toml").write_text(SETTINGS if number > 4 else "", "utf-8")
        daemon = subprocess.Popen(
            [sys.executable, "-P", "-m", "wantui.daemon", "run"],
            env={**os.environ, "WANTUI_HOME": folder, "HF_HOME": str(home / "hf")},
            cwd="/",
            start_new_session=True,
        )
        try:
            live(Api(home / "state" / "run" / "wantui.sock"))
        finally:
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        (to / "state").mkdir(parents=True)
        for part in ("wantui.db", "wantui.db-wal"):
            shutil.copy(home / "state" / part, to / "state" / part)
        left_out = shutil.ignore_patterns(*LEFT_OUT)
        shutil.copytree(home / "data" / "jobs", to / "data" / "jobs", ignore=left_out)


if __name__ == "__main__":
    main()
