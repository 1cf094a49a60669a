"""`wantui daemon`: run, start, stop, restart, status; `install` has a file of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import typer

from wantui.api.hello import Hello
from wantui.cli.describe import show_facts
from wantui.cli.document import show_document
from wantui.cli.install import install, uninstall
from wantui.cli.options import Host, Json
from wantui.cli.terminal import narrate
from wantui.client import Address, Client, start_daemon, words
from wantui.client.launch import POLL_S, lock_is_free
from wantui.errors import DaemonUnreachable, TimedOut, VersionMismatch
from wantui.paths import Paths
from wantui.settings import load_settings

STOP_TIMEOUT_S = 90.0
"""For the requests under way and a worker at the end of its step."""


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
    stopped = asyncio.run(_stop(Address.find(paths, host), paths.lock))
    if as_json:
        show_document({"stopped": stopped})
    else:
        narrate("the daemon has stopped" if stopped else "no daemon runs")


def restart(as_json: Json = False) -> None:
    """Stop the daemon, if it runs, and start it again."""
    paths = Paths.from_environment()
    settings = load_settings(paths)

    async def again() -> Hello:
        await _stop(Address.find(paths, environment={}), paths.lock)
        return await start_daemon(paths, settings)

    _show(asyncio.run(again()), as_json=as_json)


def status(host: Host = None, as_json: Json = False) -> None:
    """Show the daemon that runs; exit 3 if none does."""
    _show(asyncio.run(_hello(Address.find(Paths.from_environment(), host))), as_json=as_json)


async def _hello(address: Address) -> Hello:
    address.check_owner()
    return await Client(address).hello()


async def _stop(address: Address, lock: Path) -> bool:
    """Whether there was one to stop. A daemon of another version is stopped too.

    Raises TimedOut if it does not end.
    """
    try:
        address.check_owner()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await _shut_down(Client(address))
            await _until_gone(address, lock)
    except DaemonUnreachable:
        return False
    except TimeoutError as error:
        raise TimedOut(
            f"the daemon at {address.socket} has not stopped", hint="see: wantui logs daemon"
        ) from error
    return True


async def _shut_down(client: Client) -> None:
    """Ask; an answer of another version is an answer."""
    with contextlib.suppress(VersionMismatch):
        await client.shutdown()


async def _until_gone(address: Address, lock: Path) -> None:
    """Until nobody answers and, if it was ours, the next one could take the lock."""
    while True:
        await asyncio.sleep(POLL_S)
        if not await _answers(address) and (not address.own or lock_is_free(lock)):
            return


async def _answers(address: Address) -> bool:
    try:
        await _hello(address)
    except DaemonUnreachable:
        return False
    except (TimedOut, VersionMismatch):
        return True
    return True


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
