"""A copy of a clip: its bytes come over the socket, whole or not at all; nothing is overwritten."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from wantui.client import Client
from wantui.errors import DiskFull, InvalidRequest
from wantui.files import atomic_path


def check_target(target: Path) -> None:
    """See that a copy can go there. Raises InvalidRequest."""
    if target.exists():
        raise InvalidRequest(f"{target} exists already", hint="give another name")
    if not target.parent.is_dir():
        raise InvalidRequest(f"there is no folder {target.parent}", hint="give another name")


async def save_copy(client: Client, job_id: int, target: Path) -> int:
    """Returns how many bytes came. Raises NoOutput, InvalidRequest or DiskFull."""
    check_target(target)
    try:
        return await _copy(client, job_id, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left for {target}") from error
        problem = error.strerror or "cannot be written"
        raise InvalidRequest(f"{target}: {problem}", hint="give another name") from error


async def _copy(client: Client, job_id: int, target: Path) -> int:
    size = 0
    async with contextlib.aclosing(client.output(job_id)) as pieces:
        with atomic_path(target) as temporary, temporary.open("wb") as file:
            async for piece in pieces:
                size += file.write(piece)
    return size
