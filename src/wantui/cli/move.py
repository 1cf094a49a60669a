"""`wantui move`: where waiting jobs stand in the queue."""

from __future__ import annotations

from typing import Annotated

import typer

from wantui.api.job import MAX_PRIORITY, Job
from wantui.api.move import End, Move
from wantui.cli.describe import state_words
from wantui.cli.document import show_document
from wantui.cli.options import Host, JobIds, Json
from wantui.cli.session import ask
from wantui.cli.terminal import narrate
from wantui.client import Client
from wantui.errors import InvalidRequest

MOST_ID = 2**63 - 1


def register(app: typer.Typer) -> None:
    app.command()(move)


def move(
    job_ids: JobIds,
    *,
    before: Annotated[
        int | None, typer.Option(metavar="ID", min=1, max=MOST_ID, help="Right before this job.")
    ] = None,
    after: Annotated[
        int | None, typer.Option(metavar="ID", min=1, max=MOST_ID, help="Right after this job.")
    ] = None,
    top: Annotated[bool, typer.Option("--top", help="Before all others.")] = False,
    bottom: Annotated[bool, typer.Option("--bottom", help="After all others.")] = False,
    priority: Annotated[
        int | None,
        typer.Option(
            min=-MAX_PRIORITY, max=MAX_PRIORITY, help="Run before all jobs of a lower one."
        ),
    ] = None,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Have waiting jobs run earlier or later, several in the order given; kept over restarts."""
    places = {
        "before": before,
        "after": after,
        "to": End.TOP if top else End.BOTTOM if bottom else None,
        "priority": priority,
    }
    given = {name: value for name, value in places.items() if value is not None}
    if len(given) != 1 or (top and bottom):
        raise InvalidRequest(
            "say one place", hint="one of: --before ID, --after ID, --top, --bottom, --priority N"
        )
    wanted = Move.model_validate(given)
    backwards = top or after is not None
    """So that the first one given ends up first."""

    async def one_by_one(client: Client) -> list[Job]:
        ids = list(dict.fromkeys(job_ids))
        moved = {}
        for job_id in reversed(ids) if backwards else ids:
            moved[job_id] = await client.move(job_id, wanted)
            job = moved[job_id]
            narrate(f"job {job_id}: {state_words(job)}, priority {job.priority}")
        return [moved[job_id] for job_id in ids]

    jobs = ask(one_by_one, host)
    if as_json:
        show_document({"jobs": jobs})
