"""`wantui plan`: the ways to make a video, what each costs, and how far estimates were off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from wantui.api.estimate import Accuracy, PlanRequest, Plans, StageAccuracy, Way
from wantui.cli.describe import show_facts
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.table import Cell, Colour, Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import costs
from wantui.errors import ExitCode, InvalidRequest
from wantui.text import bytes_text

_WAYS = (
    Column(""),
    Column("WAY"),
    Column("DEVICE", right=True),
    Column("HOST", right=True),
    Column("TIME", right=True),
    Column("AGAIN", right=True),
    Column("", flexible=True),
)
_STAGES = (
    Column("STAGE"),
    Column("DEVICE", right=True),
    Column("TIME", right=True),
    Column("MADE OF", flexible=True),
)
_ACCURACY = (
    Column("DEVICE", flexible=True),
    Column("MODEL"),
    Column("STAGE"),
    Column("JOBS", right=True),
    Column("MEMORY", right=True),
    Column("TIME", right=True),
    Column("LEARNED"),
)
CHOSEN = "→"


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(
    model: Annotated[str | None, typer.Argument(help="A model of `wantui ls`.")] = None,
    *,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="In pixels.")] = None,
    frames: Annotated[int | None, typer.Option(help="How many.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    quality: Annotated[str, typer.Option(help="`faithful`, or a fast way.")] = "faithful",
    device: Annotated[
        str | None, typer.Option(metavar="UUID", help="A GPU's, or cpu; else the best.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Plan for a known machine, or a profile's file."),
    ] = None,
    accuracy: Annotated[
        bool, typer.Option("--accuracy", help="Show how far past estimates were off.")
    ] = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Show the ways to make a video, what each costs, and the one that a job would get."""
    if accuracy:
        _show_accuracy(ask(lambda client: client.accuracy(), host), as_json=as_json)
        return
    if model is None:
        raise InvalidRequest("there is no model", hint="run: wantui plan demo")
    request = PlanRequest(
        model=model,
        size=size,
        frames=frames,
        steps=steps,
        quality=quality,
        device=device,
        **_machine(profile),
    )
    plans = ask(lambda client: client.plan(request), host)
    if as_json:
        show_document(plans)
    else:
        _show(plans)
    if plans.chosen is None:
        raise typer.Exit(ExitCode.FAILED)


def _machine(profile: str | None) -> dict[str, str]:
    """A file's content if there is such a file, else a name that the daemon knows."""
    if profile is None:
        return {}
    path = Path(profile)
    if path.suffix != ".toml":
        return {"profile": profile}
    try:
        return {"machine": path.read_text("utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"profile: {path} cannot be read: {error}") from error


def _show(plans: Plans) -> None:
    show_facts(list(_heading(plans)))
    show([""])
    rows = [_way_row(way) for way in plans.ways]
    show(table(_WAYS, rows, width=columns(), colours=colours_wanted()))
    chosen = plans.chosen
    if chosen is None:
        _show_refusal(plans)
        return
    show([""])
    stages = [_stage_row(line) for line in costs.stages(chosen.estimate)]
    show(table(_STAGES, stages, width=columns(), colours=colours_wanted()))
    show(["", chosen.plan.reason])
    if plans.waits_for_memory:
        show([f"it would wait now: {costs.holders(plans.holders)}"])


def _heading(plans: Plans) -> Iterator[tuple[str, str]]:
    yield "video", f"{plans.model}, {plans.width}x{plans.height}, {plans.frames} frames"
    yield "steps", str(plans.steps)
    where = f"{plans.device_name} (profile {plans.profile})"
    yield "device", f"{where}, not this machine" if plans.synthetic else where
    room = bytes_text(plans.device_budget_bytes)
    yield "room", f"{room} of the device, {bytes_text(plans.host_budget_bytes)} of host memory"


def _way_row(way: Way) -> tuple[str | Cell, ...]:
    colour = None if way.why_not is None else Colour.DIM
    if way.chosen:
        colour = Colour.GREEN
    cells = (
        CHOSEN if way.chosen else "",
        costs.way(way.plan),
        costs.memory(way.estimate.device),
        costs.memory(way.estimate.host),
        costs.time(way.estimate.seconds),
        costs.time(way.estimate.again_seconds),
        way.why_not or "",
    )
    return tuple(Cell(cell, colour) for cell in cells)


def _stage_row(line: costs.StageLine) -> tuple[str, ...]:
    return line.stage, line.memory, line.time, line.made_of


def _show_refusal(plans: Plans) -> None:
    if plans.refusal is not None:
        show(["", plans.refusal.message])
    for other in plans.nearest:
        show([f"would fit: {other.words}"])


def _show_accuracy(known: Accuracy, *, as_json: bool) -> None:
    if as_json:
        show_document(known)
    elif known.rows:
        rows = [_accuracy_row(row) for row in known.rows]
        show(table(_ACCURACY, rows, width=columns(), colours=colours_wanted()))
    else:
        narrate("nothing was measured yet: it is with every job that is completed")


def _accuracy_row(row: StageAccuracy) -> tuple[str, ...]:
    return (
        row.device,
        row.model,
        row.stage,
        str(row.jobs),
        costs.error(row.memory_error, row.memory_spread),
        costs.error(row.seconds_error, row.seconds_spread),
        f"memory ×{row.memory_correction:.2f}, time ×{row.seconds_correction:.2f}",
    )
