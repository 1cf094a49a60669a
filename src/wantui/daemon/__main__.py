"""`python -m wantui.daemon run`: the daemon in the foreground; `set-aside`: room for a new one."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from wantui.daemon.aside import set_aside
from wantui.daemon.lifecycle import serve
from wantui.errors import DaemonElsewhere, DaemonRunning, ExitCode, WantuiError
from wantui.paths import Paths
from wantui.settings import load_settings

_FOLDERS = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN_PATH", "XDG_CACHE_HOME")
"""What huggingface_hub looks up in the environment."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wantui.daemon")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="serve in the foreground until SIGTERM or Ctrl-C")
    run.add_argument(
        "--if-none", action="store_true", help="exit with 0 if a daemon is running already"
    )
    commands.add_parser("set-aside", help="keep a database that does not open out of the way")
    options = parser.parse_args()
    try:
        paths = Paths.from_environment()
        if options.command == "set-aside":
            return _set_aside(paths)
        _leave_folder()
        _keep_kernels(paths.kernels)
        asyncio.run(serve(paths, load_settings(paths)))
    except DaemonRunning as error:
        here = not isinstance(error, DaemonElsewhere)
        return ExitCode.OK if options.if_none and here else _fail(error)
    except WantuiError as error:
        return _fail(error)
    return ExitCode.OK


def _set_aside(paths: Paths) -> int:
    """Say where the database is now; on standard out, for scripts."""
    aside = set_aside(paths)
    sys.stdout.write(f"{aside}\n")
    sys.stderr.write("the database is kept there; begin with an empty queue: wantui daemon start\n")
    return ExitCode.OK


def _leave_folder() -> None:
    """Stay in no folder of whoever started us: it may be removed, or its disk taken away.

    What the environment names from there is named from the root, for our children too.
    """
    for name in _FOLDERS:
        if value := os.environ.get(name):
            os.environ[name] = str(Path(os.path.expandvars(value)).expanduser().absolute())
    if modules := os.environ.get("PYTHONPATH"):
        os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, modules.split(os.pathsep)))
    os.chdir("/")


def _keep_kernels(folder: Path) -> None:
    """Below our own folder: by default torch loads compiled code from the system's temporary one,
    under a name that anyone there could have taken first.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder / "inductor"))
    os.environ.setdefault("TRITON_CACHE_DIR", str(folder / "triton"))


def _fail(error: WantuiError) -> int:
    sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
    return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
