"""`wantui lora`: add, ls, rm: adapters that the daemon keeps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from wantui.api.adapter import Adapter, AdapterPullRequest
from wantui.api.download import Download
from wantui.cli.document import show_document
from wantui.cli.narrated_download import wait_for_download
from wantui.cli.options import Host, Json
from wantui.cli.progress import live_line, narrator
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import Client, adapter_words, words
from wantui.client.sending import send_adapter
from wantui.errors import (
    Interrupted,
    InvalidRequest,
    UnknownAdapter,
    WantuiError,
)
from wantui.text import bytes_text, one_line

_COLUMNS = (
    Column("NAME"),
    Column("ID"),
    Column("RANK", right=True),
    Column("SIZE", right=True),
    Column("FITS"),
    Column("FROM", flexible=True),
)
_ON_HUB = re.compile(r"([\w.-]+/[\w.-]+)/(.+\.safetensors)", re.IGNORECASE)

AdapterName = Annotated[
    str, typer.Argument(metavar="ADAPTER", help="A name, an id, or the beginning of an id.")
]


def register(app: typer.Typer) -> None:
    family = typer.Typer(help="Keep LoRAs, checked, by digest.", rich_markup_mode=None)
    for verb in (add, ls, rm):
        family.command()(verb)
    app.add_typer(family, name="lora")


def add(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|OWNER/REPO/FILE",
            help="A .safetensors file here, which is sent to the daemon, or one on the hub.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What to call it. [default: the file's]")] = None,
    revision: Annotated[
        str | None, typer.Option(help="On the hub: a branch, tag or commit. [default: main]")
    ] = None,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Keep a LoRA, once its structure and the models it fits are known."""
    local = Path(what).expanduser()
    if revision is None and (local.exists() or what.startswith(("/", ".", "~"))):
        adapter = ask(lambda client: _send(client, local, name), host)
    else:
        adapter = _pull(_request(what, name, revision), host)
    if as_json:
        show_document(adapter)
        return
    narrate(f"rank {adapter.rank}, {adapter.layers} layers, fits {adapter_words.fits(adapter)}")
    if adapter.unused_tensors:
        narrate(
            f"{adapter.unused_tensors} of its tensors are for Wan 2.1's image branch, which "
            "Wan 2.2 does not have: they will do nothing"
        )
    show([one_line(adapter.name)])


def ls(host: Host = None, as_json: Json = False) -> None:
    """List the adapters, and those on their way."""

    async def look(client: Client) -> tuple[tuple[Adapter, ...], list[Download]]:
        return await client.adapters(), await _on_their_way(client)

    adapters, coming = ask(look, host)
    if as_json:
        show_document({"adapters": adapters, "downloads": coming})
        return
    rows = [
        (
            adapter.name,
            adapter_words.short_id(adapter),
            str(adapter.rank),
            bytes_text(adapter.bytes),
            adapter_words.fits(adapter),
            adapter_words.source(adapter.source),
        )
        for adapter in adapters
    ]
    if rows:
        show(table(_COLUMNS, rows, width=columns(), colours=colours_wanted()))
    elif not coming:
        narrate("no adapters; add one: wantui lora add FILE|OWNER/REPO/FILE")
    for download in coming:
        narrate(f"{one_line(download.subject)}: {words.downloading(download)}")


def rm(adapter: AdapterName, host: Host = None, as_json: Json = False) -> None:
    """Remove an adapter, or end the pull that is to bring it."""
    removed = ask(lambda client: _remove(client, adapter), host)
    if as_json:
        show_document(removed)
    elif isinstance(removed, Download):
        narrate(f"{one_line(removed.subject)}: the pull is cancelled")
    else:
        narrate(f"{one_line(removed.name)}: removed, {bytes_text(removed.bytes)} are free again")


def _request(what: str, name: str | None, revision: str | None) -> AdapterPullRequest:
    match = _ON_HUB.fullmatch(what)
    if match is None:
        raise InvalidRequest(
            f"there is no file {one_line(what, 200)}",
            hint="on the hub it is written owner/repo/path/file.safetensors",
        )
    try:
        request = AdapterPullRequest(
            repository=match[1], file=match[2], name=name, revision=revision
        )
    except ValidationError as error:
        field = error.errors()[0]["loc"][0]
        raise InvalidRequest(f"{field}: {error.errors()[0]['msg']}", hint="") from error
    narrate(f"asking the hub for {request.file} of {request.repository}")
    return request


async def _send(client: Client, path: Path, name: str | None) -> Adapter:
    shown = narrator()
    try:
        return await send_adapter(
            client, path, name, lambda sent, size: shown.update(NarratedUpload(path, sent, size))
        )
    finally:
        shown.close()


def _pull(request: AdapterPullRequest, host: str | None) -> Adapter:
    asked = ask(lambda client: client.pull_adapter(request), host)
    try:
        ended = ask(lambda client: wait_for_download(client, asked.id), host)
    except KeyboardInterrupt:
        raise Interrupted(
            f"detached: the pull of {request.file} goes on",
            hint=f"see: wantui lora ls; end it: wantui downloads cancel {asked.id}",
        ) from None
    if ended.error is not None:
        raise ended.error.to_error()
    if ended.adapter is None or ended.adapter.kept is None:
        raise WantuiError(f"the pull of {request.file} is {ended.state}", hint="add it again")
    return ended.adapter.kept


async def _on_their_way(client: Client) -> list[Download]:
    known = (await client.downloads()).downloads
    return [download for download in known if download.adapter and download.state.open]


async def _remove(client: Client, name: str) -> Adapter | Download:
    """Raises UnknownAdapter if none is kept and none on its way under this name."""
    try:
        adapter = await client.adapter(name)
    except UnknownAdapter:
        for download in await _on_their_way(client):
            if download.subject.casefold() == name.casefold():
                return await client.cancel_download(download.id)
        raise
    return await client.remove_adapter(adapter.id)


class NarratedUpload:
    """A file being sent, as a waiting command tells it."""

    def __init__(self, path: Path, sent: int, size: int) -> None:
        self._path = path
        self._sent = sent
        self._size = size

    def plain(self) -> str:
        return f"{self._path.name}: sending"

    def live(self, width: int, *, blocks: bool) -> str:
        share = self._sent / max(self._size, 1)
        right = f"{bytes_text(self._sent)} of {bytes_text(self._size)}"
        return live_line(one_line(self._path.name), share, right, width, blocks=blocks)
