"""A real `systemd --user` of a test's own, in namespaces that end with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
_HOLD = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && mkdir -m 700 -p /run/user/$(id -u)
mount -t tmpfs tmpfs /var/lib/systemd && mkdir /var/lib/systemd/linger
[ "$2" = lingers ] && : > "/var/lib/systemd/linger/$(id -un)"
"$1" --user >/dev/null 2>&1 &
for _ in $(seq 100); do systemctl --user is-system-running >/dev/null 2>&1 && break; sleep 0.1; done
systemctl --user is-system-running
wait
"""


@dataclass(frozen=True)
class UserManager:
    inside: int
    """A process that lives there."""
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What a session of that user would see; ids of processes are those inside."""
        enter = ("nsenter", f"--target={self.inside}", "--mount", "--pid")
        return subprocess.run(
            [*enter, *command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@contextmanager
def user_manager(environment: Mapping[str, str], *, lingers: bool) -> Iterator[UserManager]:
    """It answers; what it started ends with it."""
    systemd = next((path for path in _SYSTEMD if Path(path).exists()), None)
    if os.geteuid() != 0 or systemd is None:
        pytest.skip("a systemd of one's own needs root, and systemd")
    session = {**environment, "XDG_RUNTIME_DIR": f"/run/user/{os.getuid()}"}
    command = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    with subprocess.Popen(
        [*command, "sh", "-c", _HOLD, "sh", systemd, "lingers" if lingers else "leaves"],
        env=session,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        try:
            if holder.stdout.readline().strip() not in ("running", "degraded"):
                pytest.skip("this machine runs no systemd for a user")
            (inside,) = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            yield UserManager(int(inside), session)
        finally:
            holder.kill()
