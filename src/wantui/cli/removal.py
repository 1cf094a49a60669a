"""`wantui rm`, `prune` and `keep`: weights that go, and weights that are to stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from wantui.api.model import ModelStatus
from wantui.api.removal import Removal, Removals
from wantui.cli.confirm import Yes, confirm, someone_to_ask
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.cli.weights import Model
from wantui.client import Client
from wantui.errors import InvalidRequest
from wantui.text import bytes_text

_COLUMNS = (
    Column("REPOSITORY", flexible=True),
    Column("MODELS"),
    Column("WHAT"),
    Column("FREES", right=True),
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")]
Remove = Callable[[Client, bool], Awaitable[Removals]]


def register(app: typer.Typer) -> None:
    for verb in (rm, prune, keep):
        app.command()(verb)


def rm(
    model: Model,
    dry_run: DryRun = False,
    yes: Yes = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Remove a model's weights. Refused while a job or a worker needs them."""

    async def remove(client: Client, dry: bool) -> Removals:
        return await client.remove((await client.model(model)).id, dry_run=dry)

    _remove(remove, dry_run=dry_run, yes=yes, host=host, as_json=as_json)


def prune(
    dry_run: DryRun = False, yes: Yes = False, host: Host = None, as_json: Json = False
) -> None:
    """Remove what is not whole or that nobody names, in the repositories of wantui's models."""

    async def remove(client: Client, dry: bool) -> Removals:
        return await client.prune(dry_run=dry)

    _remove(remove, dry_run=dry_run, yes=yes, host=host, as_json=as_json)


def keep(
    model: Model,
    off: Annotated[bool, typer.Option("--off", help="Protect it no longer.")] = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Protect a model's weights from `rm`, and from being pruned by any tool."""

    async def change(client: Client) -> ModelStatus:
        return await client.keep((await client.model(model)).id, kept=not off)

    status = ask(change, host)
    if as_json:
        show_document(status)
    else:
        narrate(f"{status.id} is {'kept' if status.weights.kept else 'kept no longer'}")


def _remove(remove: Remove, *, dry_run: bool, yes: bool, host: str | None, as_json: bool) -> None:
    """The plan first; it is carried out once someone has said so."""
    if not (dry_run or yes or someone_to_ask()):
        raise InvalidRequest("there is nobody to ask", hint="say --yes, or look first: --dry-run")

    async def planned(client: Client) -> Removals:
        return await remove(client, True)

    async def done(client: Client) -> Removals:
        return await remove(client, False)

    if yes and not dry_run:
        removals = ask(done, host)
    else:
        removals = ask(planned, host)
        if not dry_run and removals.removals:
            _tell(removals)
            confirm("remove this?")
            removals = ask(done, host)
    if as_json:
        show_document(removals)
    else:
        _tell(removals)


def _tell(removals: Removals) -> None:
    if not removals.removals:
        narrate("there is nothing to remove")
        return
    rows = [
        (
            item.repository or "converted weights",
            ", ".join(item.models),
            _what(item),
            bytes_text(item.freed_bytes),
        )
        for item in removals.removals
    ]
    show(table(_COLUMNS, rows, width=columns(), colours=colours_wanted()))
    frees = "freed" if removals.done else "would be freed"
    narrate(f"{bytes_text(removals.freed_bytes)} {frees}")


def _what(removal: Removal) -> str:
    counts = (
        (len(removal.revisions), "revision"),
        (removal.partials, "partial file"),
        (removal.orphans, "orphan"),
        (removal.converted, "converted component"),
    )
    parts = [f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in counts if count]
    return ", ".join(parts) or "leftovers"
