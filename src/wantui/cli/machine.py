"""`wantui ps`: the workers."""

from __future__ import annotations

import typer

from wantui.api.worker import Worker
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import words
from wantui.text import bytes_text

_WORKER_COLUMNS = (
    Column("DEVICE", flexible=True),
    Column("STATE"),
    Column("MODEL"),
    Column("JOB", right=True),
    Column("PID", right=True),
    Column("MEMORY", right=True),
    Column("SINCE"),
    Column("KEPT UNTIL"),
)


def register(app: typer.Typer) -> None:
    app.command()(ps)


def ps(host: Host = None, as_json: Json = False) -> None:
    """List the workers: processes that hold a model on a device."""
    reply = ask(lambda client: client.workers(), host)
    if as_json:
        show_document(reply)
    elif reply.workers:
        rows = [_worker_row(worker) for worker in reply.workers]
        show(table(_WORKER_COLUMNS, rows, width=columns(), colours=colours_wanted()))
    else:
        narrate("no worker runs; one starts with the next job")


def _worker_row(worker: Worker) -> tuple[str, ...]:
    return (
        worker.device_name,
        worker.state,
        worker.model or "",
        "" if worker.job is None else str(worker.job),
        "" if worker.pid is None else str(worker.pid),
        "" if worker.rss_bytes is None else bytes_text(worker.rss_bytes),
        words.clock(worker.started_at),
        kept_words(worker),
    )


def kept_words(worker: Worker) -> str:
    """Until when an idle worker stays."""
    if worker.kept_until is not None:
        return words.clock(worker.kept_until)
    return "unloaded" if worker.pinned else ""
