"""`wantui pull`, `verify`, `repair` and `downloads`: weights and the fetcher's work on them."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import typer

from wantui.api.base import Reply
from wantui.api.download import Depth, Download, DownloadState, PullPlan
from wantui.cli.confirm import Yes, confirm, someone_to_ask
from wantui.cli.describe import show_facts
from wantui.cli.document import show_document
from wantui.cli.failure import tell
from wantui.cli.narrated_download import wait_for_download
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import Client, words
from wantui.errors import ExitCode, Interrupted, InvalidRequest, WantuiError
from wantui.text import bytes_text, one_line

_COLUMNS = (
    Column("ID", right=True),
    Column("WHAT"),
    Column("STATE", flexible=True),
    Column("REPOSITORY"),
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="An id or alias of `wantui ls`.")]
Plan = TypeVar("Plan", bound=Reply)
"""Of what would be done."""
Detach = Annotated[bool, typer.Option("--detach", help="Ask for it; do not wait.")]


class Change(StrEnum):
    """What can be done to a download."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


def register(app: typer.Typer) -> None:
    for verb in (pull, verify, repair, downloads):
        app.command()(verb)


def pull(
    model: Model,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come; bring nothing.")
    ] = False,
    yes: Yes = False,
    detach: Detach = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Get a model's weights, proven byte for byte. Goes on where it stopped; Ctrl-C detaches."""
    if not agreed(
        lambda client: _planned(client, model),
        _plan_facts,
        lambda plan: "pull them?" if plan.bytes_to_fetch else None,
        dry_run=dry_run,
        unasked=yes or detach or as_json,
        host=host,
        as_json=as_json,
    ):
        return

    async def begin(client: Client) -> Download:
        return await client.pull((await client.model(model)).id)

    pulled = follow(begin, detach=detach, host=host, as_json=as_json)
    if pulled.state is DownloadState.COMPLETED and not as_json:
        _offer_conversion(pulled.subject, host)


def verify(
    model: Model,
    depth: Annotated[
        Depth,
        typer.Option(
            "--depth",
            help="structure: headers only; content: hash what is not proven; deep: hash all of it "
            "from the disk.",
        ),
    ] = Depth.CONTENT,
    detach: Detach = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Compare a model's files with what was published. Needs no network."""

    async def begin(client: Client) -> Download:
        return await client.verify((await client.model(model)).id, depth)

    follow(begin, detach=detach, host=host, as_json=as_json)


def repair(model: Model, detach: Detach = False, host: Host = None, as_json: Json = False) -> None:
    """Replace a model's bad files, and only those."""

    async def begin(client: Client) -> Download:
        return await client.repair((await client.model(model)).id)

    follow(begin, detach=detach, host=host, as_json=as_json)


def downloads(
    change: Annotated[
        Change | None, typer.Argument(metavar="[pause|resume|cancel]", show_default=False)
    ] = None,
    download: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, show_default=False)
    ] = None,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """List what is pulled, verified and repaired, and what was; or pause, resume, cancel one."""
    if change is not None:
        _change(change, download, host, as_json=as_json)
        return
    found = ask(Client.downloads, host)
    if as_json:
        show_document(found)
        return
    rows = [
        (str(item.id), item.subject, words.downloading(item), item.repository or "")
        for item in found.downloads
    ]
    show(table(_COLUMNS, rows, width=columns(), colours=colours_wanted()))


def _change(change: Change, id: int | None, host: str | None, *, as_json: bool) -> None:
    if id is None:
        raise InvalidRequest(f"which download is to {change}?", hint="see: wantui downloads")
    verbs = {
        Change.PAUSE: Client.pause_download,
        Change.RESUME: Client.resume_download,
        Change.CANCEL: Client.cancel_download,
    }
    download = ask(lambda client: verbs[change](client, id), host)
    if as_json:
        show_document(download)
    else:
        narrate(f"{one_line(download.subject)}: {words.downloading(download)}")


async def _planned(client: Client, model: str) -> PullPlan:
    return await client.pull_plan((await client.model(model)).id)


def _plan_facts(plan: PullPlan) -> list[tuple[str, str]]:
    gated = words.gating(plan.accept_at) if plan.gated else "not gated"
    return [
        ("model", plan.model),
        ("repository", f"{plan.repository} at {plan.commit[:12]}"),
        ("license", f"{plan.license or 'not stated'}, {gated}"),
        *(("and", f"{more.repository} at {more.commit[:12]}") for more in plan.also),
        ("to fetch", f"{bytes_text(plan.bytes_to_fetch)} in {plan.files} files"),
        ("in all", bytes_text(plan.bytes_total)),
        ("free", bytes_text(plan.free_bytes)),
    ]


def _offer_conversion(model: str, host: str | None) -> None:
    """One line, where it would be of use; nothing that fails here makes the pull a failure."""
    with contextlib.suppress(WantuiError):
        plan = ask(lambda client: client.convert_plan(model), host)
        if (offer := words.conversion_offer(plan)) is not None:
            narrate(offer)


def agreed(
    plan_of: Callable[[Client], Coroutine[Any, Any, Plan]],
    facts: Callable[[Plan], Sequence[tuple[str, str]]],
    question: Callable[[Plan], str | None],
    *,
    dry_run: bool,
    unasked: bool,
    host: str | None,
    as_json: bool,
) -> bool:
    """Whether to begin: what it would take is shown for a dry run, or to whom can be asked.

    Exits if they say no. A plan without a question is agreed to.
    """
    if not dry_run and (unasked or not someone_to_ask()):
        return True
    plan = ask(plan_of, host)
    if dry_run and as_json:
        show_document(plan)
        return False
    show_facts(list(facts(plan)))
    if not dry_run and (asked := question(plan)) is not None:
        confirm(asked)
    return not dry_run


def follow(
    begin: Callable[[Client], Awaitable[Download]],
    *,
    detach: bool,
    host: str | None,
    as_json: bool,
) -> Download:
    """Have it done, tell how it goes, and exit unless it came out well, or goes on."""

    async def begun(client: Client) -> Download:
        return await begin(client)

    download = ask(begun, host)
    if not detach and download.state.open:
        try:
            download = ask(lambda client: wait_for_download(client, download.id), host)
        except KeyboardInterrupt:
            raise Interrupted(
                f"detached: the {words.doing(download)} of {download.subject} goes on",
                hint="see: wantui downloads",
            ) from None
    if as_json:
        show_document(download)
    if download.error is not None:
        tell(download.error.to_error())
        raise typer.Exit(ExitCode.FAILED)
    if not as_json:
        narrate(f"{download.subject}: {words.downloading(download)}")
    if download.state is DownloadState.PAUSED:
        narrate(f"go on: wantui downloads resume {download.id}")
    if not detach and download.state is not DownloadState.COMPLETED:
        raise typer.Exit(ExitCode.FAILED)
    return download
