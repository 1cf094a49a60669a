"""What made a video is kept beside it; a picture outlives its upload in the job's folder."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.running import RunningDaemon, job_when, tiny
from wantui.api.job import Job, JobState
from wantui.client.mp4 import read_comment
from wantui.errors import NoOutput, UnknownUpload

pytestmark = pytest.mark.anyio


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


async def made(daemon: RunningDaemon, **fields: Any) -> Job:
    async with daemon.client() as client:
        accepted = await client.submit(tiny(**fields))
        return await job_when(client, accepted.id, lambda job: job.state is JobState.COMPLETED)


async def test_all_that_made_a_video_is_in_the_api_and_in_its_file(daemon: RunningDaemon) -> None:
    job = await made(daemon, sampler="euler")
    async with daemon.client() as client:
        told = await client.provenance(job.id)
        model = await client.model("demo")
        hello = await client.hello()
    assert (told.job, told.model, told.quality) == (job.id, job.model, job.quality)
    assert (told.params, told.plan) == (job.params, job.plan)
    assert told.params.sampler == "euler"
    assert told.wantui == hello.version
    assert told.versions == hello.engine
    assert told.weights == {file.path: file.digest for file in model.weights.files}
    assert None not in told.weights.values()
    assert job.output is not None
    assert json.loads(read_comment(Path(job.output.path)) or "") == told.model_dump(mode="json")


async def test_a_job_without_a_video_has_no_provenance(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        held = await client.submit(tiny(hold=True))
        with pytest.raises(NoOutput, match="it is held"):
            await client.provenance(held.id)
        await client.cancel(held.id)


async def test_a_picture_whose_upload_is_gone_is_taken_from_a_jobs_folder(
    daemon: RunningDaemon,
) -> None:
    content = picture("orange")
    async with daemon.client() as client:
        image = (await client.upload(content)).id
        first = await made(daemon, image=image)
        (daemon.paths.uploads / image).unlink()
        again = await client.submit(tiny(image=image, hold=True))
        await client.cancel(again.id)
    assert again.params.image == first.params.image
    assert (daemon.paths.job(again.id) / "image.png").read_bytes() == content


@pytest.mark.parametrize("left", [None, picture("blue")], ids=["removed", "another picture"])
async def test_a_picture_that_a_job_lost_is_no_upload(
    daemon: RunningDaemon, left: bytes | None
) -> None:
    image = hashlib.sha256(picture("violet")).hexdigest()
    async with daemon.client() as client:
        await client.upload(picture("violet"))
        job = await client.submit(tiny(image=image, hold=True))
        await client.cancel(job.id)
        kept = daemon.paths.job(job.id) / "image.png"
        (daemon.paths.uploads / image).unlink()
        kept.unlink()
        if left is not None:
            kept.write_bytes(left)
        with pytest.raises(UnknownUpload):
            await client.submit(tiny(image=image))


async def test_a_job_says_how_much_of_its_picture_is_seen(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        upload = await client.upload(picture("grey"))
        job = await client.submit(tiny(image=upload.id, size="64x64", hold=True))
        await client.cancel(job.id)
    assert job.params.image is not None
    assert (job.params.width, job.params.height) == (64, 64)
    assert job.params.image.shown == (64, 64)  # of 96x64
