"""What there is to see of a job besides its video."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from tests.running import RunningDaemon, job_when, running_daemon, tiny
from wantui.api.job import Job, JobState
from wantui.api.video import Codec
from wantui.errors import InvalidRequest, NoPicture

pytestmark = pytest.mark.anyio


def finished(job: Job) -> bool:
    return job.state.finished


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def conditional(daemon: RunningDaemon, url: str, tag: str) -> httpx2.Response:
    transport = httpx2.HTTPTransport(uds=str(daemon.paths.socket), verify=False)
    with httpx2.Client(transport=transport, base_url="http://wantui", timeout=60) as client:
        return client.get(url, headers={"If-None-Match": tag})


async def test_a_running_job_is_seen_and_says_when_there_is_something_new(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        accepted = await client.submit(tiny(size="256x256", frames=33, steps=100))
        url = f"/api/jobs/{accepted.id}/preview"
        await job_when(
            client, accepted.id, lambda job: bool(job.progress and job.progress.preview_rev)
        )
        first = daemon.call("GET", url)
        assert first.status_code == 200
        assert first.headers["content-type"] == "image/webp"
        with Image.open(io.BytesIO(first.content)) as shown:
            assert (shown.format, shown.size) == ("WEBP", (256, 256))
            assert getattr(shown, "n_frames", 1) > 1
        await job_when(
            client,
            accepted.id,
            lambda job: bool(job.progress and job.progress.preview_rev >= 2),
        )
        await client.cancel(accepted.id)
        await job_when(client, accepted.id, finished)
        last = daemon.call("GET", url)  # what a cancelled job came to stays to be seen
        same = conditional(daemon, url, last.headers["etag"])
        assert (same.status_code, same.content) == (304, b"")
        assert last.headers["etag"] != first.headers["etag"]
        assert conditional(daemon, url, first.headers["etag"]).content == last.content


async def test_a_finished_job_has_a_thumbnail_and_the_frames_it_was_to_keep(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        accepted = await client.submit(tiny(codec="av1", crf=30, png=True))
        done = await job_when(client, accepted.id, finished)
        assert done.state is JobState.COMPLETED, done.error
        assert done.encoding is not None
        assert (done.encoding.codec, done.encoding.crf) == (Codec.AV1, 30)
        assert done.output is not None
        assert Path(done.output.frames_folder or "") == daemon.paths.job(done.id) / "frames"
        with pytest.raises(NoPicture) as gone:
            await whole(client.preview(done.id))
        assert gone.value.message == f"job {done.id} has no preview: it is completed"
        with Image.open(io.BytesIO(await whole(client.thumbnail(done.id)))) as thumbnail:
            assert thumbnail.size == (256, 256)
        with Image.open(io.BytesIO(await whole(client.proxy(done.id)))) as proxy:
            assert (proxy.format, proxy.size) == ("WEBP", (32, 32))
            assert getattr(proxy, "n_frames", 1) == done.output.frames
        assert Path(done.output.proxy or "") == daemon.paths.job(done.id) / "proxy.webp"
        digest = hashlib.sha256()
        for number in range(1, done.output.frames + 1):
            with Image.open(io.BytesIO(await whole(client.frame(done.id, number)))) as frame:
                digest.update(np.asarray(frame).tobytes())
        assert digest.hexdigest() == done.output.frames_sha256
        with pytest.raises(NoPicture) as caught:
            await whole(client.frame(done.id, done.output.frames + 1))
        assert caught.value.message == f"job {done.id} has no frame 6"


async def test_a_job_that_kept_no_frames_says_how_to(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        accepted = await client.submit(tiny(hold=True))
        for picture in (client.preview, client.thumbnail, client.proxy):
            pieces = picture(accepted.id)
            with pytest.raises(NoPicture):
                await whole(pieces)
        with pytest.raises(NoPicture) as caught:
            await whole(client.frame(accepted.id, 1))
        assert caught.value.hint == "frames are kept by: generate --png"
        await client.cancel(accepted.id)


async def test_a_clip_of_an_older_wantui_says_that_it_has_no_proxy(daemon: RunningDaemon) -> None:
    async with daemon.client() as client:
        done = await job_when(client, (await client.submit(tiny())).id, finished)
        (daemon.paths.job(done.id) / "proxy.webp").unlink()
        with pytest.raises(NoPicture, match="it was made before wantui kept one"):
            await whole(client.proxy(done.id))


async def test_a_codec_that_nobody_knows_is_refused_before_there_is_a_job(
    daemon: RunningDaemon,
) -> None:
    async with daemon.client() as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.submit(tiny(codec="h263"))
        assert caught.value.detail["field"] == "codec"


async def test_the_settings_decide_how_videos_are_written_and_whether_they_are_previewed(
    tmp_path: Path,
) -> None:
    settings = '[preview]\nper_second = 0\n[video]\ncodec = "h265"\n[video.h265]\ncrf = 33\n'
    with running_daemon(tmp_path, settings) as daemon:
        async with daemon.client() as client:
            accepted = await client.submit(tiny(steps=20))
            revs: set[int] = set()

            def watched(job: Job) -> bool:
                revs.add(job.progress.preview_rev if job.progress else 0)
                return job.state.finished

            done = await job_when(client, accepted.id, watched)
            assert done.state is JobState.COMPLETED, done.error
            assert done.encoding is not None
            assert (done.encoding.codec, done.encoding.crf) == (Codec.H265, 33)
            assert revs == {0}
