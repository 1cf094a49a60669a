"""`--lora ID[:STRENGTH][@high|low]`: how it is read, and how a file becomes an adapter first."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path

from wantui.api.lora import LoraUse
from wantui.cli.lora import send_lora
from wantui.cli.terminal import narrate
from wantui.client import Client
from wantui.client.lora_text import BEHIND, read_lora
from wantui.errors import InvalidRequest, UnknownAdapter
from wantui.text import one_line

_ALLOWED = f"a name or id of `wantui lora ls`, or a .safetensors file; {BEHIND}"


def read_option(text: str) -> LoraUse:
    """Raises InvalidRequest."""
    return read_lora(text, _ALLOWED)


async def with_files_kept(client: Client, uses: Iterable[LoraUse]) -> tuple[LoraUse, ...]:
    """With each file of this machine sent to the daemon, unless it keeps the same bytes already.

    Raises InvalidAdapter, and InvalidRequest for a file that is not there.
    """
    return tuple([await _kept(client, use) for use in uses])


async def _kept(client: Client, use: LoraUse) -> LoraUse:
    path = _path(use.adapter)
    if path is None:
        return use
    try:
        adapter = await client.adapter(await asyncio.to_thread(_sha256, path))
    except UnknownAdapter:
        adapter = await send_lora(client, path, None)
        narrate(f"{path.name} is kept as {one_line(adapter.name)}")
    return use.model_copy(update={"adapter": adapter.id})


def _path(adapter: str) -> Path | None:
    """None for what is no file's name but an adapter's. Raises InvalidRequest."""
    if not (adapter.casefold().endswith(".safetensors") or "/" in adapter):
        return None
    path = Path(adapter).expanduser()
    if not path.is_file():
        problem = f"there is no file {one_line(adapter, 200)}"
        raise InvalidRequest.for_field("lora", problem, allowed=_ALLOWED)
    return path


def _sha256(path: Path) -> str:
    """Raises InvalidRequest."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidRequest(f"lora: {path}: {error.strerror}", hint="") from error
