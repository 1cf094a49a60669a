"""Other users of this machine, as processes that really are theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")

# What is needed is imported first: the other user may not be able to read where Python is.
_PLAIN = """
import http.client, json, os, socket, sys
"""
_OURS = """
import asyncio, json, os, sys
from pathlib import Path
from wantui.api.hello import Hello
from wantui.client import Address, Client
from wantui.errors import WantuiError
Hello.model_rebuild()
"""
_BECOME = """
uid, gid, path, *given = sys.argv[1:]
os.setgroups([])
os.setgid(int(gid))
os.setuid(int(uid))
"""
_RAW = """
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
    try:
        end.connect(path)
        end.sendall(b"GET /api/hello HTTP/1.1\\r\\nHost: wantui\\r\\n\\r\\n")
        print(json.dumps({"heard": end.recv(1000).decode()}))
    except OSError as error:
        print(json.dumps({"refused": type(error).__name__}))
"""
_HTTP = """
method, url, body = given
line = http.client.HTTPConnection("wantui")
line.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
line.sock.connect(path)
line.request(method, url, body or None, {"Content-Type": "application/json"} if body else {})
answer = line.getresponse()
print(json.dumps({"status": answer.status, "document": json.loads(answer.read())}))
"""
_CLIENT = """
try:
    print(json.dumps({"pid": asyncio.run(Client(Address(Path(path), own=False)).hello()).pid}))
except WantuiError as error:
    print(json.dumps({"code": error.code, "message": error.message}))
"""


@dataclass(frozen=True)
class User:
    uid: int
    gid: int

    def knock(self, path: Path) -> dict[str, str]:
        """What comes of a request on a bare socket: `heard`, or `refused` and how."""
        return {name: str(value) for name, value in self._run(_PLAIN, _RAW, path).items()}

    def call(
        self, path: Path, method: str, url: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and document of an HTTP request."""
        said = self._run(_PLAIN, _HTTP, path, method, url, json.dumps(body) if body else "")
        return said["status"], said["document"]

    def greet(self, path: Path) -> dict[str, Any]:
        """What wantui's own client makes of that daemon: its `pid`, or `code` and `message`."""
        return self._run(_OURS, _CLIENT, path)

    def _run(self, imports: str, script: str, path: Path, *given: str) -> dict[str, Any]:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                imports + _BECOME + script,
                str(self.uid),
                str(self.gid),
                path,
                *given,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said
