"""`wantui doctor`: what is wrong here, and the commands that mend it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wantui.api.doctor import Finding, Severity, lines_of, summary_of
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.table import Colour, paint
from wantui.cli.terminal import colours_wanted, narrate, show
from wantui.client.doctor import diagnose
from wantui.errors import ExitCode
from wantui.paths import Paths

_COLOURS = {
    Severity.OK: Colour.GREEN,
    Severity.WARN: Colour.YELLOW,
    Severity.ERROR: Colour.RED,
}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Make no clip; believe what was measured before.")
    ] = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong, and say what mends it: driver, kernels, disks, weights, folders.

    The demo makes a clip, which is compared with the one that a CPU made. Exits with 1 if there is
    something to mend. Where no daemon starts, it looks without one.
    """
    if not quick:
        narrate("looking, and making a clip: half a minute on two cores (--quick makes none)")
    diagnosis = asyncio.run(diagnose(Paths.from_environment(), host, quick=quick))
    if as_json:
        show_document(diagnosis)
    else:
        for finding in diagnosis.findings:
            show(_painted(finding))
        narrate(summary_of(diagnosis))
    if diagnosis.severity is Severity.ERROR:
        raise typer.Exit(ExitCode.FAILED)


def _painted(finding: Finding) -> list[str]:
    """The severity in its colour."""
    first, *below = lines_of(finding)
    word = paint(finding.severity, _COLOURS[finding.severity], colours=colours_wanted())
    return [word + first.removeprefix(finding.severity), *below]
