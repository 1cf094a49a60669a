"""`wantui clean`: finished jobs that leave the history, and the disk."""

from __future__ import annotations

from typing import Annotated

import typer

from wantui.api.cleaning import Cleaned, Cleaning, CleanRequest, What
from wantui.cli.confirm import Yes, confirm, someone_to_ask
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import Client
from wantui.client.moments import age_s
from wantui.errors import InvalidRequest
from wantui.text import bytes_text

_COLUMNS = (
    Column("ID", right=True),
    Column("STATE"),
    Column("WHAT"),
    Column("FREES", right=True),
)
SHOWN = 20
"""Jobs of a plan that are listed; the rest is counted."""
JobsOrNone = Annotated[
    list[int] | None,
    typer.Argument(metavar="[ID...]", min=1, max=2**63 - 1, help="These, with their videos."),
]


def register(app: typer.Typer) -> None:
    app.command()(clean)


def clean(
    job_ids: JobsOrNone = None,
    *,
    older: Annotated[
        str | None, typer.Option(metavar="AGE", help="Ended so long ago: 90m, 3d, 2w.")
    ] = None,
    videos: Annotated[
        bool, typer.Option("--videos", help="Completed jobs too, and their videos.")
    ] = False,
    label: Annotated[str | None, typer.Option(help="Only of this label.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Only what failed jobs could be gone on from.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    yes: Yes = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Remove failed and cancelled jobs; with --videos all that have ended, or those named."""
    if job_ids and (older or videos or label or model or checkpoints):
        raise InvalidRequest("name jobs, or say what they are like", hint="not both")
    if not (dry_run or yes or someone_to_ask()):
        raise InvalidRequest("there is nobody to ask", hint="say --yes, or look first: --dry-run")
    seconds = None if older is None else age_s("older", older)

    async def carry_out(client: Client, dry: bool) -> Cleaning:
        request = CleanRequest(
            jobs=tuple(job_ids or ()),
            older_s=seconds,
            videos=videos,
            label=label,
            model=None if model is None else (await client.model(model)).id,
            checkpoints=checkpoints,
        )
        return await client.clean(request, dry_run=dry)

    if yes and not dry_run:
        cleaning = ask(lambda client: carry_out(client, False), host)
    else:
        cleaning = ask(lambda client: carry_out(client, True), host)
        if not dry_run and cleaning.items:
            _tell(cleaning)
            confirm("remove this?")
            cleaning = ask(lambda client: carry_out(client, False), host)
    if as_json:
        show_document(cleaning)
    else:
        _tell(cleaning)


def _tell(cleaning: Cleaning) -> None:
    if not cleaning.items:
        narrate("there is nothing to remove")
        return
    rows = [
        (str(item.job), item.state.value, _what(item), bytes_text(item.freed_bytes))
        for item in cleaning.items[:SHOWN]
    ]
    show(table(_COLUMNS, rows, width=columns(), colours=colours_wanted()))
    more = len(cleaning.items) - SHOWN
    if more > 0:
        narrate(f"{more} more")
    frees = "freed" if cleaning.done else "would be freed"
    count = len(cleaning.items)
    narrate(f"{count} job{'s' * (count > 1)}, {bytes_text(cleaning.freed_bytes)} {frees}")


def _what(item: Cleaned) -> str:
    if item.what is What.CHECKPOINT:
        return "checkpoint"
    return "job and video" if item.video else "job"
