"""Install this checkout into its `.venv`, unless that is done: `bootstrap.py EXTRA...`.

Standard library only, and started by any Python >= 3.11, that of `.venv` too. What was installed is
written down last, so an installation that was cut short is seen and done again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
"""What a finished installation was made of."""
LOCK = VENV / "install.lock"
"""Held while installing; a `.venv` without one is somebody else's."""
LOG = VENV / "install.log"
CONSTRAINTS = ROOT / "scripts" / "constraints.txt"
INPUTS = (ROOT / "pyproject.toml", CONSTRAINTS)
BUILD_TOOLS = ("hatchling", "editables")
"""Installed first and pinned too: pip's isolated builds would not see the constraints."""

TELLTALES = (
    ("No space left on device", "the disk is full"),
    ("connection broken", "pip cannot reach its package index"),
    ("(constraint)", "pip's index has no build of a pinned package for this Python"),
)
"""What pip says at length, and what it means."""

GB = 10**9
NEEDED_BYTES = 3 * GB
NEEDED_WITH_CUDA_BYTES = 12 * GB
SHOWN_CHARACTERS = 79


def main() -> int:
    wanted = set(sys.argv[1:])
    if is_installed(wanted):
        return 0
    try:
        with alone():
            if not is_installed(wanted):  # by whoever held the lock
                check_disk()
                install(wanted | extras_of_last_time())
    except KeyboardInterrupt:
        fail("interrupted; the next run installs again", status=130)
    except OSError as error:
        fail(f"the installation failed: {error}; then run this again")
    return 0


def fail(message: str, status: int = 1) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(status)


def is_installed(wanted: set[str]) -> bool:
    stamp = read_stamp()
    return stamp.get("made_of") == made_of() and wanted <= set(stamp.get("extras", ()))


def read_stamp() -> dict[str, Any]:
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def extras_of_last_time() -> set[str]:
    return set(read_stamp().get("extras", ()))


def made_of() -> list[str]:
    """Whatever must make us install again when it changes; the Python first."""
    contents = hashlib.sha256(b"\0".join(path.read_bytes() for path in INPUTS)).hexdigest()
    return [*python_in_use(), contents]


def python_in_use() -> list[str]:
    """This Python and this place: neither can change under an environment that is kept."""
    return [sys.implementation.cache_tag, sys.base_prefix, str(ROOT)]


def write_stamp(extras: set[str]) -> None:
    new = STAMP.with_suffix(".new")
    new.write_text(json.dumps({"made_of": made_of(), "extras": sorted(extras)}), "utf-8")
    new.replace(STAMP)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """A second one waits for the first, and for a pip that outlived it."""
    if VENV.exists() and not LOCK.exists():
        fail(f"{VENV} was not made by this script: move it away, then run this again")
    VENV.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another installation into .venv to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        yield


def check_disk() -> None:
    free = shutil.disk_usage(VENV).free
    if free < NEEDED_BYTES:
        fail(
            f"{free / GB:.1f} GB are free for {VENV}, which needs {NEEDED_BYTES // GB} GB, or"
            f" {NEEDED_WITH_CUDA_BYTES // GB} GB with CUDA: free some space, then run this again"
        )


def install(extras: set[str]) -> None:
    """Into the environment of last time, or into a new one if that is of no use."""
    usable = PYTHON.exists() and read_stamp().get("made_of", [])[:-1] == python_in_use()
    STAMP.unlink(missing_ok=True)
    tell(f"installing into {VENV}; the first time takes minutes and downloads up to 4 GB")
    with LOG.open("w", encoding="utf-8") as log:
        if not usable:
            make_environment(log)
        checkout = f"{ROOT}[{','.join(sorted(extras))}]"
        pip_install(log, *BUILD_TOOLS)
        pip_install(log, "--no-build-isolation", "--editable", checkout)
    write_stamp(extras)


def make_environment(log: IO[str]) -> None:
    """Start `.venv` anew. Debian's Python has pip and ensurepip in packages: either will do."""
    base = base_python()
    with_pip = has_module(base, "ensurepip")
    if not with_pip and not has_module(base, "pip"):
        fail(f"{base} has neither ensurepip nor pip: install one (on Debian: python3-venv)")
    empty_environment()
    if run([base, "-m", "venv", *([] if with_pip else ["--without-pip"]), str(VENV)], log):
        fail(f"{base} cannot make a virtual environment: {what_went_wrong()}; see {LOG}")


def base_python() -> str:
    """What `.venv` is made with; this Python itself, unless it is that of `.venv`."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return base


def has_module(python: str, name: str) -> bool:
    command = [python, "-c", f"import {name}"]
    return not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode


def empty_environment() -> None:
    for entry in VENV.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry not in (LOCK, LOG):
            entry.unlink()


def pip_install(log: IO[str], *what: str) -> None:
    """With the environment's own pip, or else with that of the Python it was made with."""
    own_pip = (PYTHON.parent / "pip").exists()
    pip = [str(PYTHON), "-m", "pip"]
    if not own_pip:
        pip = [base_python(), "-m", "pip", "--python", str(PYTHON)]
    options = ("--no-input", "--disable-pip-version-check", "--constraint", str(CONSTRAINTS))
    if run([*pip, "install", *options, *what], log):
        fail(f"the installation failed: {what_went_wrong()}; see {LOG}, then run this again")


def run(command: list[str], log: IO[str]) -> int:
    """Its exit status. What it says goes to the log; it holds the lock as long as it lives."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PIP_USER": "0"},
        close_fds=False,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            log.write(line)
            log.flush()
            show_passing(line)
    show_passing("")
    return process.returncode


def what_went_wrong() -> str:
    """In a line: by a telltale in the log, else pip's first error, else the log's last line."""
    log = LOG.read_text("utf-8")
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    meanings = [meaning for phrase, meaning in TELLTALES if phrase in log]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return next(iter([*meanings, *errors, *lines[-1:]]), "it said nothing")


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def show_passing(line: str) -> None:
    """On a terminal the line takes the place of the one before it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line.strip()[:SHOWN_CHARACTERS]}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
