"""`wantui queue`, `pause`, `resume`: what waits, and whether it is handed out."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from wantui.api.job import Job, JobState, WaitsFor
from wantui.api.order import in_order
from wantui.api.queue import Queue
from wantui.cli.describe import show_jobs
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.terminal import narrate
from wantui.client import Client, words
from wantui.client.exchange import Query
from wantui.client.moments import past_moment

PAGE = 100
"""Jobs asked for at once."""
MOST = sys.maxsize


def register(app: typer.Typer) -> None:
    for verb in (queue, pause, resume):
        app.command()(verb)


def queue(
    *,
    every: Annotated[bool, typer.Option("--all", help="Finished ones too, newest first.")] = False,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="WORDS", help="All of them in the prompt or the label.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    label: Annotated[str | None, typer.Option(help="Only of this label.")] = None,
    owner: Annotated[int | None, typer.Option(metavar="UID", help="Only this user's.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="AGE|DATE", help="Sent since: 2h, 3d, 2026-11-28.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """List the jobs that wait or run, in the order they will run; or find any there have been."""
    created = None if since is None else past_moment("since", since, time.time())
    asked = {"state": state, "search": search, "label": label, "owner": owner, "since": created}
    finds = every or model is not None or any(value is not None for value in asked.values())

    async def look(client: Client) -> tuple[Queue, list[Job]]:
        if finds:
            model_id = None if model is None else (await client.model(model)).id
            wanted = {**asked, "model": model_id}
            return await client.queue(), await _history(client, wanted, limit)
        status = await client.status()
        jobs = [job for job in status.jobs if not job.state.finished]
        if limit > len(jobs) < _unfinished(status.queue):
            jobs = await _all_unfinished(client, status.queue)
        return status.queue, jobs[:limit]

    now, jobs = ask(look, host)
    if as_json:
        show_document({"queue": now, "jobs": jobs})
        return
    if jobs:
        show_jobs(jobs)
    _narrate_queue(now, len(jobs), whole=not finds)


def pause(host: Host = None, as_json: Json = False) -> None:
    """Start no further jobs; the running one goes on."""
    _show_queue(ask(lambda client: client.pause(), host), as_json=as_json)


def resume(host: Host = None, as_json: Json = False) -> None:
    """Hand out jobs again."""
    _show_queue(ask(lambda client: client.resume(), host), as_json=as_json)


async def _history(client: Client, wanted: Query, limit: int) -> list[Job]:
    jobs: list[Job] = []
    before: int | None = None
    while len(jobs) < limit:
        page = await client.find_jobs(wanted, limit=min(limit - len(jobs), PAGE), before=before)
        jobs.extend(page.jobs)
        before = page.next_before
        if before is None:
            break
    return jobs


async def _all_unfinished(client: Client, now: Queue) -> list[Job]:
    """More than a status holds. A job that changes its state meanwhile is in it once."""
    states = (state for state in JobState if not state.finished)
    found = {
        job.id: job for state in states for job in await _history(client, {"state": state}, MOST)
    }
    return in_order(found.values(), now.turns)


def _unfinished(now: Queue) -> int:
    return sum(count for state, count in now.counts.items() if not state.finished)


def _narrate_queue(now: Queue, shown: int, *, whole: bool) -> None:
    if whole and (more := _unfinished(now) - shown) > 0:
        narrate(f"{more} more: wantui queue --limit {shown + more}")
    if not shown:
        narrate("no unfinished jobs; finished ones: wantui queue --all" if whole else "no jobs")
    if now.paused:
        narrate("the queue is paused; go on: wantui resume")
    if WaitsFor.DISK in now.waits_for:
        narrate(f"the queue rests: {words.NO_ROOM}; it goes on by itself")


def _show_queue(now: Queue, *, as_json: bool) -> None:
    if as_json:
        show_document(now)
    else:
        rests = WaitsFor.DISK in now.waits_for
        running = f"resting: {words.NO_ROOM}" if rests else "running"
        narrate(f"the queue is {'paused' if now.paused else running}")
