"""`wantui logs`: what the daemon, the workers and jobs wrote down."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wantui.api.log import LogText
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.terminal import show_raw
from wantui.client import Client

POLL_S = 0.3


def register(app: typer.Typer) -> None:
    app.command()(logs)


def logs(
    name: Annotated[str, typer.Argument(help="daemon, worker, or a job's ID.")] = "daemon",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on; a job's log ends with the job.")
    ] = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Print the last part of a log."""
    printer = _Printer(as_json=as_json)
    ask(lambda client: _print(client, name, printer, follow=follow), host)


class _Printer:
    """Prints whole lines, so that no escape is cut in two before it is cleaned."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._rest = ""

    def add(self, piece: LogText) -> None:
        if self._as_json:
            show_document(piece)
            return
        whole, newline, self._rest = (self._rest + piece.text).rpartition("\n")
        if newline:
            show_raw(f"{whole}\n")

    def end(self) -> None:
        if self._rest:
            show_raw(f"{self._rest}\n")


async def _print(client: Client, name: str, printer: _Printer, *, follow: bool) -> None:
    piece = await client.log(name)
    printer.add(piece)
    while follow:
        ended = await _ended(client, name)
        piece = await client.log(name, piece.next_offset)
        if piece.text:
            printer.add(piece)
        elif ended:
            break
        else:
            await asyncio.sleep(POLL_S)
    printer.end()


async def _ended(client: Client, name: str) -> bool:
    """Whether nothing more will be written: asked before the log is, so that no line is lost."""
    return name.isdecimal() and (await client.job(int(name))).state.finished
