"""`python -m wantui.daemon run`: the daemon in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import sys

from wantui.daemon.lifecycle import serve
from wantui.errors import DaemonRunning, ExitCode, WantuiError
from wantui.paths import Paths
from wantui.settings import load_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wantui.daemon")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="serve in the foreground until SIGTERM or Ctrl-C")
    run.add_argument(
        "--if-none", action="store_true", help="exit with 0 if a daemon is running already"
    )
    options = parser.parse_args()
    try:
        paths = Paths.from_environment()
        asyncio.run(serve(paths, load_settings(paths)))
    except DaemonRunning as error:
        return ExitCode.OK if options.if_none else _fail(error)
    except WantuiError as error:
        return _fail(error)
    return ExitCode.OK


def _fail(error: WantuiError) -> int:
    sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
    return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
