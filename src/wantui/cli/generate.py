"""`wantui generate`: one prompt becomes one video."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from wantui.api.asked import overridden
from wantui.api.batch import MAX_BATCH
from wantui.api.job import Job, JobRequest
from wantui.api.lora import LoraUse
from wantui.cli import video_options as video
from wantui.cli.batch import entries_of, finish, show_accepted, submit_all
from wantui.cli.document import show_document
from wantui.cli.failure import tell
from wantui.cli.following import detached, exit_code, wait_for_jobs, why_no_video
from wantui.cli.lora_option import read_option, with_files_kept
from wantui.cli.options import Host, Json
from wantui.cli.patience import surely
from wantui.cli.preset_option import Base, read_preset
from wantui.cli.repeat import check_picture, submit_again, tell_outcome, tell_overridden
from wantui.cli.session import ask
from wantui.cli.terminal import narrate, show_raw
from wantui.client import Client, words
from wantui.client.moments import moment
from wantui.client.picture import read_picture
from wantui.client.repeat import Clip
from wantui.client.saving import check_target, save_output
from wantui.errors import DiskFull, Interrupted, InvalidRequest
from wantui.paths import Paths
from wantui.settings import load_settings

MAX_STDIN_BYTES = 1 << 20


def register(app: typer.Typer) -> None:
    app.command()(generate)


def generate(
    prompt: Annotated[
        str | None, typer.Argument(help="What to show; - reads it from standard input.")
    ] = None,
    *,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE.mp4", help="Repeat this video; options override."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One of `wantui presets`; options go over it."),
    ] = None,
    model: video.Model = None,
    image: Annotated[Path | None, typer.Option(help="The first frame: PNG, JPEG or WebP.")] = None,
    negative: video.Negative = None,
    size: video.Size = None,
    frames: video.Frames = None,
    fps: video.Fps = None,
    steps: video.Steps = None,
    guidance: video.Guidance = None,
    shift: video.Shift = None,
    sampler: video.Sampler = None,
    seed: video.Seed = None,
    codec: video.Codec = None,
    crf: video.Crf = None,
    png: Annotated[
        bool, typer.Option("--png", help="Keep the frames too: wantui get ID --frames.")
    ] = False,
    quality: video.Quality = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID[:STRENGTH][@high|low]",
            help="A LoRA that is kept, or a file; again for another.",
        ),
    ] = None,
    pull: Annotated[
        bool, typer.Option("--pull", help="Get absent weights, and mend bad ones, first.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Load weights that nobody has proven.")
    ] = False,
    allow_degrade: Annotated[
        bool,
        typer.Option("--allow-degrade", help="Decode in bf16 rather than fail for want of memory."),
    ] = False,
    hold: video.Hold = False,
    priority: video.Priority = None,
    after: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="Run once this job is completed; again for another."),
    ] = None,
    start_at: video.StartAt = None,
    label: video.Label = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_BATCH, help="So many; --seed is the first one's, then on."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="JOBS", help="Jobs of a .toml or .jsonl file, or of -."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the video here.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id; do not wait.")] = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Make a video; prints its path. Ctrl-C stops waiting, not the job."""
    leave = detach or hold
    base = Base() if preset is None else read_preset(preset, alone=source is None and file is None)
    image, count = image or base.image, count or base.count
    many = count is not None or file is not None
    if many and (source is not None or output is not None):
        raise InvalidRequest(
            "--from and -o are for one video", hint="leave out --count and --file, or these"
        )
    if output is not None:
        _check_output(output, leave=leave)
    clip = None if source is None else Clip.read(source)
    if prompt is None and clip is None and file is None and "prompt" not in base.fields:
        raise InvalidRequest("there is no prompt", hint='run: wantui generate "a red circle"')
    high, low = read_guidance(guidance)
    given: dict[str, object] = {
        "prompt": None if prompt is None else _prompt(prompt),
        "model": model,
        "quality": quality,
        "negative_prompt": negative,
        "size": size,
        "frames": frames,
        "fps": fps,
        "steps": steps,
        "guidance": high,
        "guidance_low": low,
        "shift": shift,
        "sampler": sampler,
        "seed": seed,
        "codec": codec,
        "crf": crf,
        "png": png or None,
        "fetch": pull or None,
        "unverified": unverified or None,
        "allow_degrade": allow_degrade or None,
        "hold": hold or None,
        "priority": priority,
        "after": tuple(after) if after else None,
        "start_at": None if start_at is None else moment("start-at", start_at, time.time()),
        "label": label,
    }
    given = overridden(base.fields, given)
    loras = [read_option(text) for text in lora or ()] or list(base.loras)
    if many:
        entries = entries_of(file, count)
        beside = Path() if file is None else file.parent
        jobs = submit_all(entries, given, image=image, loras=loras, beside=beside, host=host)
        if leave:
            show_accepted(jobs, as_json=as_json)
        else:
            finish(jobs, host, as_json=as_json)
        return
    request = _request(clip, given)
    picture = None if image is None else _picture(image)
    if clip is not None and picture is not None:
        check_picture(clip, picture)
    job = ask(lambda client: _submit(client, clip, request, picture, loras), host)
    if leave:
        _show_accepted(job, as_json=as_json)
    else:
        _wait(job, clip, output, host, as_json=as_json)


def _picture(path: Path) -> bytes:
    return read_picture(path, load_settings(Paths.from_environment()).limits.image_bytes)


async def _submit(
    client: Client,
    clip: Clip | None,
    request: JobRequest,
    picture: bytes | None,
    loras: list[LoraUse],
) -> Job:
    if loras:
        request = request.model_copy(update={"loras": await with_files_kept(client, loras)})
    if picture is not None:
        upload = await client.upload(picture)
        request = request.model_copy(update={"image": upload.id})
    try:
        if clip is not None:
            return await submit_again(client, clip, request)
        return await surely(client, lambda key: client.submit(request, key))
    except asyncio.CancelledError:  # which is how asyncio.run hands on Ctrl-C
        raise Interrupted(
            "stopped before the daemon answered: it may have the job all the same",
            hint="see: wantui queue",
        ) from None


def _wait(
    job: Job, clip: Clip | None, output: Path | None, host: str | None, *, as_json: bool
) -> None:
    async def finish(client: Client) -> Job:
        (done,) = await wait_for_jobs(client, [job.id])
        if clip is not None:
            await tell_outcome(client, clip, done)
        if output is not None and done.output is not None:
            await _save(client, done.id, output)
        return done

    try:
        narrate(f"job {job.id}: {job.model}, {words.size(job.params)}, seed {job.params.seed}")
        done = ask(finish, host)
    except KeyboardInterrupt:
        raise detached([job.id]) from None
    if as_json:
        saved = output is not None and done.output is not None
        where = {"saved": str(Path(output).absolute())} if saved and output else {}
        show_document({**done.model_dump(mode="json"), **where})
    if done.output is None:
        tell(why_no_video(done))
        raise typer.Exit(exit_code([done]))
    if not as_json:
        show_raw(f"{done.output.path if output is None else output}\n")


async def _save(client: Client, job_id: int, target: Path) -> None:
    try:
        await save_output(client, job_id, target)
    except (DiskFull, InvalidRequest) as error:
        raise type(error)(
            f"job {job_id} has its video, but {error.message}",
            hint=f"save it elsewhere: wantui get {job_id} -o FILE",
        ) from error


def _show_accepted(job: Job, *, as_json: bool) -> None:
    verb = "release" if job.state == "held" else "wait"
    narrate(f"job {job.id} is {job.state}: wantui {verb} {job.id}")
    if as_json:
        show_document(job)
    else:
        show_raw(f"{job.id}\n")


def _request(clip: Clip | None, given: Mapping[str, object]) -> JobRequest:
    """What was given, over what made the clip if there is one: the rest is the model's to say."""
    made = clip.fields() if clip else {}
    asked = overridden(made, given)
    tell_overridden(made, asked)
    fields = {name: value for name, value in asked.items() if value is not None}
    try:
        return JobRequest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")  # pydantic's way to quote a validator
        raise InvalidRequest(f"{field}: {said}") from error


def _check_output(output: Path, *, leave: bool) -> None:
    if leave:
        raise InvalidRequest("-o saves what was waited for", hint="later: wantui get ID -o FILE")
    check_target(output, overwrite=True)


def _prompt(argument: str) -> str:
    if argument != "-":
        return argument
    content = sys.stdin.buffer.read(MAX_STDIN_BYTES)
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InvalidRequest("prompt: standard input is not UTF-8") from error


def read_guidance(argument: str | None) -> tuple[float | None, float | None]:
    """HIGH[,LOW]; the low-noise expert's follows the high one's when only that is given."""
    if argument is None:
        return None, None
    try:
        numbers = [float(part) for part in argument.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise InvalidRequest.for_field(
            "guidance", f"cannot read {argument!r}", allowed="HIGH or HIGH,LOW, such as 4 or 4,3"
        )
    return numbers[0], numbers[1] if len(numbers) == 2 else None
