"""`wantui generate --count N` and `--file JOBS`: many jobs that are accepted as one."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from wantui.api.batch import BatchRequest
from wantui.api.job import Job, JobRequest
from wantui.api.lora import LoraUse
from wantui.cli.document import show_document
from wantui.cli.failure import tell
from wantui.cli.following import detached, exit_code, wait_for_jobs, why_no_video
from wantui.cli.lora_option import read_option, with_files_kept
from wantui.cli.patience import surely
from wantui.cli.session import ask
from wantui.cli.terminal import narrate, show_raw
from wantui.client import Client
from wantui.client.batch_file import Entry, parse
from wantui.client.moments import moment
from wantui.client.picture import read_picture
from wantui.errors import InvalidRequest, WantuiError
from wantui.paths import Paths
from wantui.settings import load_settings

STDIN = Path("-")


def entries_of(file: Path | None, count: int | None) -> list[Entry]:
    """What a file says, or so many times what the options do. Raises InvalidRequest."""
    if file is None:
        return [Entry("", {}, count or 1)]
    if count is not None:
        raise InvalidRequest(
            "--count belongs to one prompt", hint="in a file each job may have a count of its own"
        )
    try:
        content = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
        return parse(content.decode("utf-8"), "standard input" if file == STDIN else file.name)
    except OSError as error:
        raise InvalidRequest(f"cannot read {file}: {error.strerror}", hint="") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file} is not UTF-8", hint="") from error


def submit_all(
    entries: Sequence[Entry],
    given: Mapping[str, Any],
    *,
    image: Path | None,
    loras: Sequence[LoraUse],
    beside: Path,
    host: str | None,
) -> list[Job]:
    """All of them, accepted as one; `given` is for those that do not say it themselves.

    `beside` is the folder that the entries' own files are named from. Raises the refusal of the
    first that is refused, with its place: then none is accepted.
    """

    async def submit(client: Client) -> list[Job]:
        reading = _Reading(client, given, image, loras, beside)
        requests: list[JobRequest] = []
        places: list[str] = []
        for entry in entries:
            requests += await reading.requests(entry)
            places += [entry.where] * entry.count
        batch = BatchRequest(jobs=tuple(requests))
        try:
            return list((await surely(client, lambda key: client.submit_batch(batch, key))).jobs)
        except WantuiError as error:
            raise _placed(error, places) from error

    return ask(submit, host)


def show_accepted(jobs: Sequence[Job], *, as_json: bool) -> None:
    """Ids, one a line."""
    ids = [job.id for job in jobs]
    narrate(
        f"{_jobs_words(ids)}: wantui wait {' '.join(map(str, ids[:10]))}{' …' * (len(ids) > 10)}"
    )
    if as_json:
        show_document({"jobs": list(jobs)})
    else:
        show_raw("".join(f"{job_id}\n" for job_id in ids))


def finish(jobs: Sequence[Job], host: str | None, *, as_json: bool) -> None:
    """Wait for all; prints the paths of the videos in the order of the jobs."""
    ids = [job.id for job in jobs]
    narrate(_jobs_words(ids))
    try:
        done = ask(lambda client: wait_for_jobs(client, ids), host)
    except KeyboardInterrupt:
        raise detached(ids) from None
    if as_json:
        show_document({"jobs": done})
    for job in done:
        if job.output is None:
            tell(why_no_video(job))
        elif not as_json:
            show_raw(f"{job.output.path}\n")
    raise typer.Exit(exit_code(done))


class _Reading:
    """Entries into requests: pictures and LoRAs are sent once, however many name them."""

    def __init__(
        self,
        client: Client,
        given: Mapping[str, Any],
        image: Path | None,
        loras: Sequence[LoraUse],
        beside: Path,
    ) -> None:
        self._client = client
        self._given = {name: value for name, value in given.items() if value is not None}
        self._image = image
        self._loras = loras
        self._beside = beside
        self._uploads: dict[Path, str] = {}
        self._kept: dict[LoraUse, LoraUse] = {}
        self._most_bytes = load_settings(Paths.from_environment()).limits.image_bytes

    async def requests(self, entry: Entry) -> list[JobRequest]:
        """As many as the entry counts: with one seed given, that and those that follow it."""
        try:
            request = JobRequest.model_validate(await self._fields(entry))
        except ValidationError as error:
            first = error.errors()[0]
            said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise InvalidRequest(
                _at(entry.where, said), hint="see: wantui generate --help"
            ) from error
        except WantuiError as error:
            raise type(error)(_at(entry.where, error.message), hint=error.hint) from error
        if request.seed is None or entry.count == 1:
            return [request] * entry.count
        seeds = range(request.seed, request.seed + entry.count)
        return [request.model_copy(update={"seed": seed}) for seed in seeds]

    async def _fields(self, entry: Entry) -> dict[str, Any]:
        fields = {**self._given, **entry.fields}
        if "prompt" not in fields:
            raise InvalidRequest("there is no prompt", hint='write prompt = "…"')
        image = self._picture(entry)
        if image is not None:
            fields["image"] = await self._upload(image)
        uses = [lora_of(use) for use in entry.fields.get("loras", ())] or self._loras
        if uses:
            fields["loras"] = [await self._keep(use) for use in uses]
        if "start_at" in entry.fields:
            fields["start_at"] = start_at_of(entry.fields["start_at"])
        return fields

    def _picture(self, entry: Entry) -> Path | None:
        named = entry.fields.get("image")
        return self._beside / Path(named).expanduser() if isinstance(named, str) else self._image

    async def _upload(self, image: Path) -> str:
        if image not in self._uploads:
            content = read_picture(image, self._most_bytes)
            self._uploads[image] = (await self._client.upload(content)).id
        return self._uploads[image]

    async def _keep(self, use: LoraUse) -> LoraUse:
        if use not in self._kept:
            (self._kept[use],) = await with_files_kept(self._client, [use])
        return self._kept[use]


def lora_of(use: object) -> LoraUse:
    """Of a file: as `--lora` takes it, or a table. Raises InvalidRequest, and ValidationError."""
    return read_option(use) if isinstance(use, str) else LoraUse.model_validate(use)


def start_at_of(value: object) -> object:
    """Of a file: seconds since the epoch, a date and time, or as `--start-at` takes it."""
    if isinstance(value, datetime):
        return value.timestamp()
    return moment("start_at", value, time.time()) if isinstance(value, str) else value


def _placed(error: WantuiError, places: Sequence[str]) -> WantuiError:
    """A refusal of one of several, told by its place in the file."""
    number = error.detail.get("entry")
    if not (isinstance(number, int) and 0 <= number < len(places)):
        return error
    message = error.message.removeprefix(f"jobs[{number}]: ")
    return type(error)(_at(places[number], message), hint=error.hint, detail=error.detail)


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message


def _jobs_words(ids: Sequence[int]) -> str:
    return f"{len(ids)} jobs, {ids[0]} to {ids[-1]}" if len(ids) > 1 else f"job {ids[0]}"
