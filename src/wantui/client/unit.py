"""The daemon as a unit of the user's systemd: its file, and what systemd is asked."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wantui.errors import DaemonStartFailed
from wantui.paths import Paths, shipped_config

ANSWER_S = 10.0
"""How long systemd may take to answer; a start takes as long as the daemon does."""
START_S = 90.0
POLL_S = 0.03
LINGER = Path("/var/lib/systemd/linger")
"""A file there for each user whose manager outlives the last session: loginctl(1)."""
_FOLDERS = (
    *("WANTUI_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN_PATH"),
    *("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "SSL_CERT_FILE"),
)
_KEPT = (
    *_FOLDERS,
    *("HF_ENDPOINT", "HF_HUB_OFFLINE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy"),
    *("http_proxy", "no_proxy", "SSL_CERT_DIR", "PATH", "PYTHONPATH", "LD_LIBRARY_PATH"),
    *("CUDA_HOME", "CUDA_VISIBLE_DEVICES"),
)
"""What of the environment decides what the daemon does. No token is written to a file."""

_OF_A_UNIT = (
    *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"),
    *("LISTEN_FDNAMES", "INVOCATION_ID", "JOURNAL_STREAM", "MANAGERPID", "SYSTEMD_EXEC_PID"),
)
"""systemd.exec(5), Environment Variables Set or Propagated by the Service Manager."""


@dataclass(frozen=True)
class Unit:
    """A unit file's name, place and content. Another `WANTUI_HOME` is another unit."""

    name: str
    path: Path
    text: str

    @classmethod
    def of(cls, paths: Paths, environment: Mapping[str, str] = os.environ) -> Self:
        home = environment.get("WANTUI_HOME")
        which = f"-{hashlib.sha256(os.fsencode(paths.state)).hexdigest()[:8]}" if home else ""
        name = f"wantui{which}.service"
        config = environment.get("XDG_CONFIG_HOME") or "~/.config"
        folder = Path(config).expanduser().absolute() / "systemd" / "user"
        return cls(name, folder / name, _text(paths, environment))


def command() -> list[str]:
    """What runs the daemon in the foreground.

    `-P`: a module that lies where the command was given is none of ours.
    """
    return [sys.executable, "-P", "-m", "wantui.daemon", "run", "--if-none"]


def environment_of_its_own(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what a supervisor of ours told us, and nobody else."""
    return {name: value for name, value in environment.items() if name not in _OF_A_UNIT}


def start_log(paths: Paths) -> Path:
    """What the daemon said on standard error when it was last started."""
    return paths.logs / "daemon-start.log"


def lingers() -> bool:
    """Whether what the user's manager runs outlives the user's last session."""
    try:
        return (LINGER / pwd.getpwuid(os.getuid()).pw_name).exists()
    except (KeyError, OSError):
        return False


class Manager:
    """The user's systemd, which answers."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """None where there is none: in most containers, or for a user who has not logged in."""
        runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        if not Path(runtime, "systemd", "private").is_socket() or not shutil.which("systemctl"):
            return None
        manager = cls({**environment, "XDG_RUNTIME_DIR": runtime})
        return manager if manager.ask("show", "--property=Version").returncode == 0 else None

    def knows(self, unit: Unit) -> bool:
        """Whether the unit was installed, and systemd has read it."""
        return unit.path.is_file() and self.ask("cat", unit.name).returncode == 0

    def is_up(self, unit: Unit) -> bool:
        """Whether it runs, or is on its way up or down."""
        return self._state(unit) in ("active", "activating", "deactivating", "reloading")

    def _state(self, unit: Unit) -> str:
        return self.ask("is-active", unit.name).stdout.strip()

    def start(self, unit: Unit) -> None:
        """Returns once the daemon serves, or does not."""
        self.ask("start", unit.name, patience_s=START_S)

    def run(self, unit: Unit, paths: Paths) -> None:
        """As `start`, for a daemon that was never installed: the unit goes when it ends."""
        while self._state(unit) == "deactivating":
            time.sleep(POLL_S)  # its name is not free yet
        handed_on = environment_of_its_own(self._environment)
        given = [f"--setenv={name}" for name in handed_on if name.isidentifier()]
        properties = (
            *("Type=notify", "UMask=0077", "KillMode=mixed", "OOMPolicy=continue"),
            *("TimeoutStopSec=120", f"StandardError=truncate:{_percent(str(start_log(paths)))}"),
        )
        self._call(
            *("systemd-run", "--user", "--quiet", "--collect", f"--unit={unit.name}"),
            *(f"--property={each}" for each in properties),
            *given,
            "--",
            *command(),
            patience_s=START_S,
        )

    def ask(self, *words: str, patience_s: float = ANSWER_S) -> subprocess.CompletedProcess[str]:
        return self._call("systemctl", "--user", *words, patience_s=patience_s)

    def must(self, *words: str) -> None:
        """Raises DaemonStartFailed with what systemd says."""
        done = self.ask(*words)
        if done.returncode != 0:
            raise DaemonStartFailed(
                f"systemctl --user {' '.join(words)}: {done.stderr.strip()}",
                hint="see: systemctl --user status",
            )

    def _call(self, *words: str, patience_s: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                words,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=patience_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(words, 1, "", str(error))


def _text(paths: Paths, environment: Mapping[str, str]) -> str:
    template = (shipped_config() / "systemd" / "wantui.service").read_text("utf-8")
    values = {
        "@STATE@": _percent(str(paths.state)),
        "@COMMAND@": " ".join(_quoted(word).replace("$", "$$") for word in command()),
        "@ENVIRONMENT@": "\n".join(
            f"Environment={_quoted(f'{name}={_absolute(name, environment[name])}')}"
            for name in _KEPT
            if environment.get(name)
        ),
        "@START_LOG@": _percent(str(start_log(paths))),
    }
    for place, value in values.items():
        template = template.replace(place, value)
    return template


def _absolute(name: str, value: str) -> str:
    """A folder as it is named from here: systemd starts us elsewhere."""
    return (
        str(Path(os.path.expandvars(value)).expanduser().absolute()) if name in _FOLDERS else value
    )


def _quoted(word: str) -> str:
    """One word of a unit file: systemd.syntax(7), Quoting; systemd.unit(5), Specifiers."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{_percent(escaped)}"'


def _percent(text: str) -> str:
    return text.replace("%", "%%")
