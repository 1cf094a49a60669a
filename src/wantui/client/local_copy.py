"""A clip as a file on this machine, for a program that plays files: its own, or a private copy."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import weakref
from pathlib import Path

from wantui.api.job import Job, Output
from wantui.client.client import Client
from wantui.client.saving import save_output
from wantui.errors import InvalidRequest, NoOutput


class LocalCopies:
    """Clips that were fetched, in a folder of nobody else's that goes when this process ends."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    async def here(self, job: Job) -> Path | None:
        """The file, where it is on this machine or was fetched; None where it must be fetched.

        A path of another machine may be one of this machine too: the content decides.
        """
        if job.output is None:
            return None
        for path in (Path(job.output.path), self._place(job)):
            if await asyncio.to_thread(_is, path, job.output):
                return path
        return None

    async def fetch(self, client: Client, job: Job) -> Path:
        """Copy it over the socket. Raises NoOutput, DiskFull or InvalidRequest."""
        if job.output is None:
            raise NoOutput(f"job {job.id} has no video: it is {job.state}")
        path = self._place(job)
        await save_output(client, job.id, path)
        return path

    def _place(self, job: Job) -> Path:
        """Raises InvalidRequest where there is no place for temporary files."""
        if self._folder is None:
            try:
                self._folder = Path(tempfile.mkdtemp(prefix="wantui-"))
            except OSError as error:
                raise InvalidRequest(
                    f"there is no place for a temporary file: {error.strerror}",
                    hint="set TMPDIR to a folder that can be written to",
                ) from error
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder / f"wantui-{job.id}.mp4"


def _is(path: Path, output: Output) -> bool:
    try:
        if path.stat().st_size != output.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == output.sha256
    except (OSError, ValueError):
        return False
