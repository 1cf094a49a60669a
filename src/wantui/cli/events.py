"""`wantui events`: what happens in the daemon, as it happens."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from wantui.api.download import Download
from wantui.api.event import EventId, EventKind, Notice
from wantui.api.job import Job
from wantui.api.model import ModelStatus
from wantui.api.queue import Queue
from wantui.api.worker import Worker
from wantui.cli.document import show_document
from wantui.cli.following import NarratedJob
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.terminal import columns, narrate, show_raw
from wantui.client import Client, Event, words
from wantui.errors import InvalidRequest
from wantui.text import one_line

WIDEST = 200


def register(app: typer.Typer) -> None:
    app.command()(events)


def events(
    after: Annotated[
        str | None, typer.Option(metavar="EVENT_ID", help="Begin after this event, not now.")
    ] = None,
    follow: Annotated[  # noqa: ARG001 - for hands that type -f after `logs -f`
        bool, typer.Option("--follow", "-f", help="What it does anyway.")
    ] = True,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Print what happens, one line an event, until the daemon stops or Ctrl-C."""
    ask(lambda client: _print(client, after, as_json=as_json), host)


async def _print(client: Client, after: str | None, *, as_json: bool) -> None:
    if after is None:
        after = (await client.status()).event_id
    elif EventId.parse(after) is None:
        raise InvalidRequest(f"after: {after!r} is no event's id", hint="such as: 1f2e3d4c.56")
    narrate(f"listening after event {after}")
    async with contextlib.aclosing(client.events(after)) as stream:
        async for event in stream:
            if as_json:
                show_document(_fields(event))
            else:
                show_raw(f"{event_line(event)}\n")


def event_line(event: Event) -> str:
    """One clean line for people."""
    return one_line(f"{event.kind:8} {_words(event)}", columns() or WIDEST)


def _fields(event: Event) -> dict[str, object]:
    number = None if event.id is None else str(event.id)
    return {"id": number, "kind": event.kind, "object": event.object}


def _words(event: Event) -> str:
    said = ""
    match event.object:
        case Job() as job:
            said = NarratedJob(job).live(WIDEST, blocks=True)
        case Download() as download:
            said = f"{download.subject}: {words.downloading(download)}"
        case ModelStatus() as model:
            said = f"{model.id}: weights {model.weights.state}{', loaded' * model.loaded}"
        case Worker() as worker:
            at = "" if worker.job is None else f", job {worker.job}"
            said = f"{worker.device_name}: {worker.state}{at}"
        case Queue() as queue:
            counts = ", ".join(f"{count} {state}" for state, count in queue.counts.items())
            said = f"{'paused' if queue.paused else 'running'}: {counts}"
        case Notice() as notice:
            again = "; earlier events are lost" * (event.kind is EventKind.RESYNC)
            said = f"{notice.reason}{again}"
    return said
