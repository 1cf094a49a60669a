"""`wantui job`, `wait`, `cancel`, `hold`, `release`, `get`: verbs that name jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wantui.api.history import History
from wantui.api.job import Job
from wantui.cli.describe import job_facts, show_facts, show_jobs, state_words
from wantui.cli.document import show_document
from wantui.cli.failure import tell
from wantui.cli.following import detached, exit_code, wait_for_jobs, why_no_video
from wantui.cli.options import Host, JobId, JobIds, Json
from wantui.cli.session import ask
from wantui.cli.terminal import narrate, show_raw
from wantui.client import Client, facts
from wantui.client.saving import check_folder, check_target, save, save_frames, save_output
from wantui.errors import InvalidRequest


def register(app: typer.Typer) -> None:
    for verb in (job, wait, cancel, hold, release, get):
        app.command()(verb)


def job(job_id: JobId, host: Host = None, as_json: Json = False) -> None:
    """Show all that is known of a job, and what became of it when."""

    async def look(client: Client) -> tuple[Job, History]:
        return await client.job(job_id), await client.history(job_id)

    found, history = ask(look, host)
    if as_json:
        show_document({**found.model_dump(mode="json"), "history": history.entries})
    else:
        show_facts([*job_facts(found), *facts.happened(history)])


def wait(
    job_ids: JobIds,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Give up then, with exit 4.")
    ] = None,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Wait until jobs have finished; exit 1 if one of them has no video."""
    wanted = list(dict.fromkeys(job_ids))
    try:
        jobs = ask(lambda client: wait_for_jobs(client, wanted, timeout_s=timeout), host)
    except KeyboardInterrupt:
        raise detached(wanted) from None
    if as_json:
        show_document({"jobs": jobs})
    else:
        show_jobs(jobs)
    for job in jobs:
        if job.output is None:
            tell(why_no_video(job))
    raise typer.Exit(exit_code(jobs))


def cancel(job_ids: JobIds, host: Host = None, as_json: Json = False) -> None:
    """Cancel jobs; a running one stops at its next step."""
    _each(Client.cancel, job_ids, host, as_json=as_json)


def hold(job_ids: JobIds, host: Host = None, as_json: Json = False) -> None:
    """Keep jobs from running until they are released."""
    _each(Client.hold, job_ids, host, as_json=as_json)


def release(job_ids: JobIds, host: Host = None, as_json: Json = False) -> None:
    """Let held jobs run."""
    _each(Client.release, job_ids, host, as_json=as_json)


class Part(StrEnum):
    """What of a job is saved, and what its file is called after `wantui-ID`."""

    VIDEO = ".mp4"
    PREVIEW = "-preview.webp"
    THUMBNAIL = "-thumbnail.webp"
    PROXY = "-proxy.webp"
    FRAMES = "-frames"


def get(
    job_id: JobId,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="[default: wantui-ID.mp4]")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="What it looks like so far, a WebP.")
    ] = False,
    thumbnail: Annotated[
        bool, typer.Option("--thumbnail", help="The middle frame, small, a WebP.")
    ] = False,
    proxy: Annotated[
        bool, typer.Option("--proxy", help="The whole clip, small, an animated WebP.")
    ] = False,
    frames: Annotated[
        bool, typer.Option("--frames", help="All frames as PNG; FILE is a folder.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Save a job's video on this machine; prints the file's path."""
    part = _part(
        {
            Part.PREVIEW: preview,
            Part.THUMBNAIL: thumbnail,
            Part.PROXY: proxy,
            Part.FRAMES: frames,
        }
    )
    target = output or Path(f"wantui-{job_id}{part}")
    if part is Part.FRAMES:
        check_folder(target, overwrite=force)
    else:
        check_target(target, overwrite=force, instead="give --force, or another name")
    ask(lambda client: _save(client, job_id, part, target), host)
    if as_json:
        show_document({"job": job_id, "path": str(target.absolute())})
    else:
        show_raw(f"{target}\n")


def _part(wanted: Mapping[Part, bool]) -> Part:
    """The one that is wanted. Raises InvalidRequest for two."""
    parts = [part for part, given in wanted.items() if given]
    if len(parts) > 1:
        raise InvalidRequest("--preview, --thumbnail, --proxy and --frames: one at a time")
    return parts[0] if parts else Part.VIDEO


async def _save(client: Client, job_id: int, part: Part, target: Path) -> None:
    match part:
        case Part.VIDEO:
            await save_output(client, job_id, target)
        case Part.PREVIEW:
            await save(client.preview(job_id), target)
        case Part.THUMBNAIL:
            await save(client.thumbnail(job_id), target)
        case Part.PROXY:
            await save(client.proxy(job_id), target)
        case Part.FRAMES:
            await save_frames(client, await client.job(job_id), target)


def _each(
    act: Callable[[Client, int], Awaitable[Job]],
    job_ids: list[int],
    host: str | None,
    *,
    as_json: bool,
) -> None:
    """Do it to each job in turn; the first that refuses ends it, after the others were told."""

    async def all_of_them(client: Client) -> list[Job]:
        return [await _one(client, job_id) for job_id in dict.fromkeys(job_ids)]

    async def _one(client: Client, job_id: int) -> Job:
        changed = await act(client, job_id)
        narrate(f"job {job_id}: {state_words(changed)}")
        return changed

    jobs = ask(all_of_them, host)
    if as_json:
        show_document({"jobs": jobs})
