"""`wantui logs`: what the daemon, the workers and jobs wrote down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated

import typer

from wantui.api.log import LogText
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.patience import patiently
from wantui.cli.session import ask
from wantui.cli.terminal import narrate, show_raw
from wantui.client import Client
from wantui.errors import DaemonUnreachable
from wantui.log_lines import Level, is_worth, readable

POLL_S = 0.3


def register(app: typer.Typer) -> None:
    app.command()(logs)


def logs(
    name: Annotated[
        str, typer.Argument(help="daemon, worker, fetcher, hooks, or a job's ID.")
    ] = "daemon",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on; a job's log ends with the job.")
    ] = False,
    level: Annotated[
        Level, typer.Option(help="Only lines of that level and above.", case_sensitive=False)
    ] = Level.DEBUG,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Print the last part of a log.

    Lines that a library printed, or a process that died, have no level and are always there. With
    --json the text is as it is in the file: key=value.
    """
    printer = _Printer(level, as_json=as_json)
    ask(lambda client: _print(client, name, printer, follow=follow), host)


class _Printer:
    """Prints whole lines, so that no escape is cut in two before it is cleaned."""

    def __init__(self, least: Level, *, as_json: bool) -> None:
        self._least = least
        self._as_json = as_json
        self._rest = ""
        self.next_offset = 0

    def add(self, piece: LogText) -> None:
        self.next_offset = piece.next_offset
        if self._as_json and self._least is Level.DEBUG:
            show_document(piece)
            return
        whole, newline, self._rest = (self._rest + piece.text).rpartition("\n")
        worth = [line for line in whole.split("\n") if newline and is_worth(line, self._least)]
        if self._as_json:
            show_document(piece.model_copy(update={"text": "".join(f"{line}\n" for line in worth)}))
        elif worth:
            show_raw("".join(f"{readable(line)}\n" for line in worth))

    def end(self) -> None:
        if self._rest and is_worth(self._rest, self._least):
            show_raw(f"{readable(self._rest)}\n")


async def _print(client: Client, name: str, printer: _Printer, *, follow: bool) -> None:
    printer.add(await client.log(name))
    if follow:
        pieces = patiently(lambda: _pieces(client, name, printer), narrate, _lost)
        async with contextlib.aclosing(pieces):
            async for piece, last in pieces:
                if piece.text:
                    printer.add(piece)
                elif last:
                    break
    printer.end()


async def _pieces(
    client: Client, name: str, printer: _Printer
) -> AsyncGenerator[tuple[LogText, bool]]:
    """What was written since the printer's last piece, and whether more can come."""
    while True:
        ended = await _ended(client, name)
        piece = await client.log(name, printer.next_offset)
        yield piece, ended
        if not piece.text:
            await asyncio.sleep(POLL_S)


def _lost() -> DaemonUnreachable:
    return DaemonUnreachable("the daemon went away", hint="run: wantui daemon start")


async def _ended(client: Client, name: str) -> bool:
    """Whether nothing more will be written: asked before the log is, so that no line is lost."""
    return name.isdecimal() and (await client.job(int(name))).state.finished
