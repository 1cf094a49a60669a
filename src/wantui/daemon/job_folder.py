"""A job's folder: request.json, the picture, the log, and what is made: previews, the output."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from pathlib import Path

from wantui.api.job import Job
from wantui.daemon.logs import JOB_LOG
from wantui.errors import FolderUnsafe
from wantui.files import full_disk_named, private_folder, sweep, write_atomic

log = logging.getLogger(__name__)


NUMBER = re.compile(r"[0-9]{1,15}")
"""What a job's folder is called; longer names are none of ours."""


class JobFolder:
    """Made when the job is accepted, completed again when it is claimed: both may be cut short."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def log(self) -> Path:
        return self.path / JOB_LOG

    @property
    def output(self) -> Path:
        return self.path / "output.mp4"

    @property
    def checkpoint(self) -> Path:
        """What the job goes on from."""
        return self.path / "checkpoint.safetensors"

    @property
    def preview(self) -> Path:
        """What the video looks like so far; there from the first steps until the video is."""
        return self.path / "preview.webp"

    @property
    def thumbnail(self) -> Path:
        return self.path / "thumbnail.webp"

    @property
    def proxy(self) -> Path:
        """The whole clip, small, as an animation."""
        return self.path / "proxy.webp"

    @property
    def frames(self) -> Path:
        """PNGs, if the job was to keep them."""
        return self.path / "frames"

    @property
    def provenance(self) -> Path:
        return self.path / "provenance.json"

    def image(self, job: Job) -> Path | None:
        """The picture that belongs to the job, whatever happens to the upload."""
        used = job.params.image
        return self.path / f"image.{used.format}" if used else None

    def prepare(self, job: Job, upload: Path | None) -> None:
        """Write the request and link the picture, unless they are there.

        May be under way twice at a time, at acceptance and for the attempt. Raises FolderUnsafe or
        DiskFull.
        """
        private_folder(self.path)
        try:
            with full_disk_named(self.path):
                self._fill(job, upload)
        except OSError as error:
            raise FolderUnsafe(f"cannot write in {self.path}: {error.strerror}") from error

    def sweep(self) -> None:
        """Remove what an interrupted attempt left: half of files, and some frames of a video."""
        with contextlib.suppress(OSError):
            sweep(self.path)
            shutil.rmtree(self.frames, ignore_errors=True)

    def drop_checkpoint(self) -> None:
        """Of a job that goes on no more. What cannot be removed is logged."""
        try:
            self.checkpoint.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: %s", self.checkpoint, error.strerror)

    def _fill(self, job: Job, upload: Path | None) -> None:
        request = self.path / "request.json"
        if not request.exists():
            asked = {"id", "model", "quality", "faithful", "params", "encoding"}
            asked |= {"owner", "created_at"}
            write_atomic(request, job.model_dump_json(indent=2, include=asked).encode())
        self._take_over_checkpoint(job)
        image = self.image(job)
        if image is not None and upload is not None and not image.exists():
            try:
                os.link(upload, image)
            except FileExistsError:
                pass
            except OSError:  # a filesystem without links
                write_atomic(image, upload.read_bytes())

    def _take_over_checkpoint(self, job: Job) -> None:
        """Another try goes on from what the first has kept, unless it has kept something itself."""
        if job.retry_of is None or job.checkpoint_step is None or self.checkpoint.exists():
            return
        with contextlib.suppress(OSError):  # it was removed, or there are no links: start over
            os.link(JobFolder(self.path.parent / str(job.retry_of)).checkpoint, self.checkpoint)


def highest_job(jobs: Path) -> int:
    """The highest number of a job that has a folder; 0 without any."""
    names = (path.name for path in jobs.iterdir())
    return max((int(name) for name in names if NUMBER.fullmatch(name)), default=0)
