"""`wantui daemon`: run, start, stop, restart, status; `install` has a file of its own."""

from __future__ import annotations

import asyncio
import os
import sys

import typer

from wantui.api.hello import Hello
from wantui.cli.describe import show_facts
from wantui.cli.document import show_document
from wantui.cli.install import install, uninstall
from wantui.cli.options import Host, Json
from wantui.cli.terminal import narrate
from wantui.client import Address, Client, start_daemon, words
from wantui.client.stopping import stop_daemon
from wantui.paths import Paths
from wantui.settings import load_settings


def register(app: typer.Typer) -> None:
    family = typer.Typer(
        help="Run, start, stop, install and look at the daemon.", rich_markup_mode=None
    )
    for verb in (run, start, stop, restart, status, set_aside, install, uninstall):
        family.command()(verb)
    app.add_typer(family, name="daemon")


def run() -> None:
    """Run the daemon in the foreground."""
    _become("run")


def set_aside() -> None:
    """Keep a database that does not open out of the way, so that a daemon can start.

    The queue and its history begin empty then; videos stay where they are, and numbers of jobs go
    on after the last one. Nothing of the old database is changed: the folder is printed.
    """
    _become("set-aside")


def _become(command: str) -> None:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "wantui.daemon", command])  # noqa: S606 - no shell is meant


def start(as_json: Json = False) -> None:
    """Start the daemon unless it runs, and say where it listens."""
    paths = Paths.from_environment()
    _show(asyncio.run(start_daemon(paths, load_settings(paths))), as_json=as_json)


def stop(host: Host = None, as_json: Json = False) -> None:
    """Stop the daemon; its unfinished jobs go on when it starts again."""
    paths = Paths.from_environment()
    stopped = asyncio.run(stop_daemon(Address.find(paths, host), paths.lock))
    if as_json:
        show_document({"stopped": stopped})
    else:
        narrate("the daemon has stopped" if stopped else "no daemon runs")


def restart(as_json: Json = False) -> None:
    """Stop the daemon, if it runs, and start it again."""
    paths = Paths.from_environment()
    settings = load_settings(paths)

    async def again() -> Hello:
        await stop_daemon(Address.find(paths, environment={}), paths.lock)
        return await start_daemon(paths, settings)

    _show(asyncio.run(again()), as_json=as_json)


def status(host: Host = None, as_json: Json = False) -> None:
    """Show the daemon that runs; exit 3 if none does."""
    _show(asyncio.run(_hello(Address.find(Paths.from_environment(), host))), as_json=as_json)


async def _hello(address: Address) -> Hello:
    address.check_owner()
    return await Client(address).hello()


def _show(hello: Hello, *, as_json: bool) -> None:
    if as_json:
        show_document(hello)
        return
    engine = "installed" if hello.engine_installed else "missing: pip install 'wantui[engine]'"
    show_facts(
        [
            ("version", f"{hello.version} (API {hello.api_version})"),
            ("pid", str(hello.pid)),
            ("socket", hello.socket),
            ("started", words.clock(hello.started_at)),
            ("engine", engine),
        ]
    )
