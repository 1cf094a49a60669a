"""`wantui retry`: jobs that have ended, once more, as they were or changed."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from pydantic import ValidationError

from wantui.api.batch import RetryRequest
from wantui.api.job import Job
from wantui.cli import video_options as video
from wantui.cli.describe import state_words
from wantui.cli.document import show_document
from wantui.cli.generate import read_guidance
from wantui.cli.options import Host, JobIds, Json
from wantui.cli.patience import surely
from wantui.cli.session import ask
from wantui.cli.terminal import narrate, show_raw
from wantui.client import Client
from wantui.client.moments import moment
from wantui.errors import InvalidRequest


def register(app: typer.Typer) -> None:
    app.command()(retry)


def retry(
    job_ids: JobIds,
    *,
    prompt: Annotated[str | None, typer.Option(help="What to show.")] = None,
    model: video.Model = None,
    negative: video.Negative = None,
    size: video.Size = None,
    frames: video.Frames = None,
    fps: video.Fps = None,
    steps: video.Steps = None,
    guidance: video.Guidance = None,
    shift: video.Shift = None,
    sampler: video.Sampler = None,
    seed: video.Seed = None,
    quality: video.Quality = None,
    codec: video.Codec = None,
    crf: video.Crf = None,
    priority: video.Priority = None,
    label: video.Label = None,
    start_at: video.StartAt = None,
    hold: video.Hold = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Send ended jobs again; prints the new ids. What is not given stays, the seed too.

    One that failed goes on from its last kept step, if nothing that matters to it is changed.
    """
    high, low = read_guidance(guidance)
    changes = _changes(
        prompt=prompt,
        model=model,
        negative_prompt=negative,
        size=size,
        frames=frames,
        fps=fps,
        steps=steps,
        guidance=high,
        guidance_low=low,
        shift=shift,
        sampler=sampler,
        seed=seed,
        quality=quality,
        codec=codec,
        crf=crf,
        priority=priority,
        label=label,
        start_at=None if start_at is None else moment("start-at", start_at, time.time()),
        hold=hold or None,
    )

    async def again(client: Client) -> list[Job]:
        return [await _one(client, job_id, changes) for job_id in dict.fromkeys(job_ids)]

    jobs = ask(again, host)
    if as_json:
        show_document({"jobs": jobs})
    else:
        show_raw("".join(f"{job.id}\n" for job in jobs))


async def _one(client: Client, job_id: int, changes: RetryRequest) -> Job:
    job = await surely(client, lambda key: client.retry(job_id, changes, key))
    spared = f", after step {job.checkpoint_step}" if job.checkpoint_step else ""
    narrate(f"job {job.id}, another try of job {job_id}{spared}: {state_words(job)}")
    return job


def _changes(**given: object) -> RetryRequest:
    try:
        return RetryRequest.model_validate(
            {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
