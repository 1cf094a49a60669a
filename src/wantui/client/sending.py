"""Sending a LoRA from the machine where its path means something, piece by piece."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from wantui.api.adapter import Adapter
from wantui.client.client import Client
from wantui.errors import InvalidAdapter

PIECE_BYTES = 1 << 20
MOST_HEAD_BYTES = 8 << 20
"""Of a file that the daemon may take; what claims more is refused by its first bytes."""


async def send_adapter(
    client: Client, path: Path, name: str | None, on_progress: Callable[[int, int], None]
) -> Adapter:
    """The daemon judges it, by its header before the rest is sent, and nothing stays of a part.

    `on_progress` is told bytes sent, of how many. Raises InvalidAdapter.
    """
    try:
        with path.open("rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise InvalidAdapter(f"{path} is not a file")
            called = path.name.encode("utf-8", "replace").decode()  # a name need not be UTF-8
            await client.check_adapter(_head(file), info.st_size, called, name)
            content = _pieces(file, info.st_size, lambda sent: on_progress(sent, info.st_size))
            return await client.send_adapter(content, info.st_size, called, name)
    except OSError as error:
        raise InvalidAdapter(f"cannot read {path}: {error.strerror}") from error


def _head(file: BinaryIO) -> bytes:
    """The beginning of a file up to the end of its header, if it is safetensors."""
    head = file.read(9)
    length = int.from_bytes(head[:8], "little")
    if length <= MOST_HEAD_BYTES:
        head += file.read(max(length - 1, 0))
    file.seek(0)
    return head


async def _pieces(
    file: BinaryIO, size: int, on_progress: Callable[[int], None]
) -> AsyncIterator[bytes]:
    """As many bytes as were announced. Raises InvalidAdapter for a file that got shorter."""
    sent = 0
    while sent < size:
        piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, size - sent))
        if not piece:
            raise InvalidAdapter(f"{file.name} became shorter while it was sent")
        yield piece
        sent += len(piece)
        on_progress(sent)
