"""A job's video on this machine: its bytes come over the socket, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from wantui.client.client import Client
from wantui.errors import InvalidRequest
from wantui.files import atomic_path


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
    async with contextlib.aclosing(client.output(job_id)) as pieces:
        first = await anext(pieces, b"")
        with _typed_failures(target), atomic_path(target) as path, path.open("wb") as file:
            size = file.write(first)
            async for piece in pieces:
                size += file.write(piece)
    return size


@contextlib.contextmanager
def _typed_failures(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = error.strerror or "cannot be written"
        raise InvalidRequest(f"{target}: {problem}", hint="give another name") from error
