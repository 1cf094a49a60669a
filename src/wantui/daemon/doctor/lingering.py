"""Whether what a user starts may stay when the user's last session ends: loginctl(1)."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from wantui.api.doctor import Finding, ok, warn

ANSWERS_S = 5.0


def look_lingering() -> bool | None:
    """None where no user manager answers: a container, or another init."""
    loginctl = shutil.which("loginctl")
    if loginctl is None or not Path(f"/run/user/{os.getuid()}/systemd").is_dir():
        return None
    command = [loginctl, "show-user", str(os.getuid()), "--property=Linger", "--value"]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWERS_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"yes": True, "no": False}.get(told.stdout.strip())


def check_lingering(lingers: bool | None) -> Iterator[Finding]:
    if lingers is None:
        return
    if lingers:
        yield ok("linger", "what you start stays when your last session ends")
        return
    what = "systemd may end the daemon with your last session"
    yield warn("linger", what, fix=f"loginctl enable-linger {_user()}")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
