"""`wantui pull` and `downloads`: weights on their way from the hub."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from wantui.api.download import Download, DownloadState
from wantui.api.status import Status
from wantui.cli.document import show_document
from wantui.cli.failure import tell
from wantui.cli.options import Host, Json
from wantui.cli.progress import live_line, narrator
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import Client, words
from wantui.errors import DaemonUnreachable, ExitCode, Interrupted
from wantui.text import bytes_text, duration_text

_COLUMNS = (
    Column("ID", right=True),
    Column("MODEL"),
    Column("STATE", flexible=True),
    Column("REPOSITORY"),
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="An id or alias of `wantui ls`.")]


def register(app: typer.Typer) -> None:
    for verb in (pull, downloads):
        app.command()(verb)


def pull(
    model: Model,
    detach: Annotated[bool, typer.Option("--detach", help="Ask for it; do not wait.")] = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Get a model's weights, proven byte for byte. Goes on where it stopped; Ctrl-C detaches."""

    async def begin(client: Client) -> Download:
        status = await client.model(model)
        return await client.pull(status.id)

    download = ask(begin, host)
    if not detach:
        try:
            download = ask(lambda client: _until_ended(client, download.id), host)
        except KeyboardInterrupt:
            raise Interrupted(
                f"detached: the pull of {download.model} goes on", hint="see: wantui downloads"
            ) from None
    if as_json:
        show_document(download)
    if download.error is not None:
        tell(download.error.to_error())
        raise typer.Exit(ExitCode.FAILED)
    if not as_json:
        narrate(f"{download.model}: {words.downloading(download)}")
    if not detach and download.state is not DownloadState.COMPLETED:
        raise typer.Exit(ExitCode.FAILED)


def downloads(host: Host = None, as_json: Json = False) -> None:
    """List what is pulled, and what was."""
    found = ask(Client.downloads, host)
    if as_json:
        show_document(found)
        return
    rows = [
        (str(item.id), item.model, words.downloading(item), item.repository)
        for item in found.downloads
    ]
    show(table(_COLUMNS, rows, width=columns(), colours=colours_wanted()))


async def _until_ended(client: Client, download_id: int) -> Download:
    """Tell how it goes until it is over or paused."""
    shown = narrator()
    try:
        async with contextlib.aclosing(client.follow()) as news:
            async for item in news:
                known = item.downloads if isinstance(item, Status) else (item.object,)
                for download in known:
                    if isinstance(download, Download) and download.id == download_id:
                        shown.update(NarratedDownload(download))
                        if not download.state.open or download.state is DownloadState.PAUSED:
                            return download
    finally:
        shown.close()
    raise DaemonUnreachable("the daemon went away; the pull goes on when it is back")


class NarratedDownload:
    """A download that goes on, as a waiting command tells it."""

    def __init__(self, download: Download) -> None:
        self._download = download

    def plain(self) -> str:
        """The state alone: a log wants no percentages."""
        return f"{self._download.model}: {self._download.state}"

    def live(self, width: int, *, blocks: bool) -> str:
        """Model, bar, share, bytes, rate and time left."""
        download = self._download
        total = download.bytes_total
        if download.state is not DownloadState.DOWNLOADING or not total:
            return live_line(self.plain(), None, "", width, blocks=blocks)
        right = [f"{bytes_text(download.bytes_done)} of {bytes_text(total)}"]
        if download.bytes_per_second is not None:
            right.append(f"{bytes_text(download.bytes_per_second)}/s")
        if download.eta_s is not None:
            right.append(f"eta {duration_text(download.eta_s)}")
        share = download.bytes_done / total
        return live_line(download.model, share, "  ".join(right), width, blocks=blocks)
