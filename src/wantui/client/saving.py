"""A job's video, or a picture of it, on this machine: it comes over the socket, whole or not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from wantui.api.job import Job
from wantui.client.client import Client
from wantui.errors import InvalidRequest
from wantui.files import atomic_path, full_disk_named


def typed_target(typed: str) -> Path:
    """The file that someone means. Raises InvalidRequest."""
    try:
        return Path(typed).expanduser().absolute()
    except (OSError, RuntimeError) as error:  # no working directory; a user who has no home
        raise InvalidRequest("there is no such place", hint="give another name") from error


def suggested_target(name: str) -> Path:
    """A file of this name where we are, or at home where there is no such place any more."""
    try:
        return Path.cwd() / name
    except OSError:
        return Path("~") / name


def check_target(target: Path, *, overwrite: bool, instead: str = "give another name") -> None:
    """See before anything expensive happens that `target` can be written.

    `instead` is what to do about a file that is there already. Raises InvalidRequest.
    """
    with _typed_failures(target):
        _check(target, overwrite=overwrite, instead=instead)


def check_folder(target: Path, *, overwrite: bool) -> None:
    """See that files can be put into a folder, there or to be made. Raises InvalidRequest."""
    with _typed_failures(target):
        if not target.exists():
            _check(target, overwrite=False, instead="")
        elif not target.is_dir():
            raise InvalidRequest(f"{target} is no folder", hint="give a folder's name")
        elif not overwrite and any(target.iterdir()):
            raise InvalidRequest(f"{target} is not empty", hint="give --force, or another folder")
        elif not os.access(target, os.W_OK | os.X_OK):
            raise InvalidRequest(f"cannot write in {target}", hint="give another folder")


def _check(target: Path, *, overwrite: bool, instead: str) -> None:
    if target.is_dir():
        raise InvalidRequest(f"{target} is a folder", hint="give a file's name")
    if not overwrite and target.exists():
        raise InvalidRequest(f"{target} exists already", hint=instead)
    folder = target.absolute().parent
    if not folder.is_dir():
        raise InvalidRequest(f"there is no folder {folder}", hint=f"run: mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidRequest(f"cannot write in {folder}", hint="give another name")


async def save_output(client: Client, job_id: int, target: Path) -> int:
    """Copy the job's video to `target`, replacing it; returns its bytes.

    Raises NoOutput, DiskFull or InvalidRequest.
    """
    return await save(client.output(job_id), target)


async def save_frames(client: Client, job: Job, folder: Path) -> list[Path]:
    """Copy every frame that the job kept to `folder`, made if need be: 00001.png and on.

    Raises NoPicture, DiskFull or InvalidRequest.
    """
    count = job.output.frames if job.output else 1
    paths = []
    for number in range(1, count + 1):
        paths.append(folder / f"{number:05}.png")
        await save(client.frame(job.id, number), paths[-1], make_folder=True)
    return paths


async def save(content: AsyncGenerator[bytes], target: Path, *, make_folder: bool = False) -> int:
    """Write a client's pieces to `target`, replacing it; returns how many bytes.

    Nothing is touched if the daemon refuses. Raises its error, DiskFull or InvalidRequest.
    """
    async with contextlib.aclosing(content) as pieces:
        first = await anext(pieces, b"")
        if make_folder:
            _make(target.parent)
        with _typed_failures(target), atomic_path(target) as path, path.open("wb") as file:
            size = file.write(first)
            async for piece in pieces:
                size += file.write(piece)
    return size


def _make(folder: Path) -> None:
    with _typed_failures(folder), full_disk_named(folder):
        folder.mkdir(exist_ok=True)


@contextlib.contextmanager
def _typed_failures(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = error.strerror or "cannot be written"
        raise InvalidRequest(f"{target}: {problem}", hint="give another name") from error
