"""`wantui hw`: the machine, once or live, and as a profile."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from wantui.api.hardware import Hardware
from wantui.api.worker import Worker
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.patience import patiently
from wantui.cli.progress import bar
from wantui.cli.session import ask
from wantui.cli.table import Colour, cut, paint
from wantui.cli.terminal import colours_wanted, columns, narrate, show, show_raw
from wantui.client import Client, machine
from wantui.client.machine import GAP, Gauge, Mark
from wantui.errors import DaemonUnreachable, InvalidRequest
from wantui.files import write_atomic
from wantui.text import one_line

NAME_WIDTH = 8
WIDEST_BAR = 24
WIDTH = 80
"""Where standard out is no terminal."""
_COLOURS = {
    Mark.MUTED: Colour.DIM,
    Mark.GOOD: Colour.GREEN,
    Mark.BUSY: Colour.CYAN,
    Mark.WARN: Colour.YELLOW,
}


def register(app: typer.Typer) -> None:
    app.command()(hw)


def hw(
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "--watch", "-f", help="Go on, a reading a second.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Find out everything anew: disks, engine.")
    ] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Print this machine as a profile instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the profile to a new file.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="UUID", help="Whose profile: a GPU's UUID, or cpu.")
    ] = None,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Show what the daemon's machine has, what holds it, and the profile it is planned by."""
    if export:
        ask(lambda client: _export(client, device, output, as_json=as_json), host)
        return
    if output is not None or device is not None:
        raise InvalidRequest("-o and --device are for --export", hint="see: wantui hw --help")
    if follow:
        ask(lambda client: _follow(client, as_json=as_json), host)
        return
    hardware, workers = ask(lambda client: _known(client, anew=measure), host)
    if as_json:
        show_document(hardware)
    else:
        show(drawn(gauges(hardware, workers), columns() or WIDTH))


async def _known(client: Client, *, anew: bool) -> tuple[Hardware, Sequence[Worker]]:
    """With all that is found out once; the first time that takes a while."""
    hardware = await client.hardware()
    if anew or hardware.engine is None:
        narrate("asking the engine and the disks, which takes a few seconds once")
        hardware = await client.measure_hardware(anew=anew)
    return hardware, (await client.workers()).workers


async def _export(
    client: Client, device: str | None, output: Path | None, *, as_json: bool
) -> None:
    profile = await client.exported_profile(device)
    if output is not None:
        await asyncio.to_thread(_write_new, output, profile.toml)
        narrate(f"written to {output}")
    elif as_json:
        show_document(profile)
    else:
        show_raw(profile.toml)


def _write_new(path: Path, text: str) -> None:
    if path.exists():
        raise InvalidRequest(f"{path} exists already", hint="name a new file")
    write_atomic(path, text.encode())


def gauges(hardware: Hardware, workers: Sequence[Worker]) -> Iterator[Gauge]:
    """All there is to say."""
    yield from machine.profile_gauges(hardware.profile)
    yield GAP
    yield from machine.gpu_gauges(hardware, workers)
    if hardware.driver:
        yield Gauge("driver", f"NVIDIA {hardware.driver}", mark=Mark.MUTED)
    yield GAP
    yield Gauge("CPU", machine.cpu_words(hardware.cpu), mark=Mark.STRONG)
    if hardware.cpu.extensions:
        yield Gauge("", machine.extension_words(hardware.cpu), mark=Mark.MUTED)
    yield machine.cpu_gauge(hardware.cpu)
    yield from machine.memory_gauges(hardware.memory)
    if limit := machine.limit_words(hardware.memory):
        yield Gauge("", limit, mark=Mark.MUTED)
    yield from machine.disk_gauges(hardware.disks)
    if hardware.folders:
        yield Gauge("folders", machine.folder_words(hardware.folders))
    yield GAP
    yield Gauge("engine", machine.engine_words(hardware.engine))
    if hardware.engine is not None and hardware.engine.error is None:
        yield Gauge("", f"attention: {machine.attention_words(hardware.engine)}")
        yield Gauge("", f"builds {machine.built_words(hardware.engine)}")


def drawn(known: Iterator[Gauge], width: int) -> list[str]:
    """Lines of at most `width` cells; words that are longer go on below."""
    colours = colours_wanted()
    return [line for gauge in known for line in _lines(gauge, width, colours=colours)]


def _lines(gauge: Gauge, width: int, *, colours: bool) -> Iterator[str]:
    name = f"{gauge.name:<{NAME_WIDTH}}  "
    text = one_line(gauge.text)
    colour = _COLOURS.get(gauge.mark)
    if gauge.fraction is None:
        for number, line in enumerate(
            wrap(text, width - len(name), break_on_hyphens=False) or [""]
        ):
            head = " " * len(name) if number else name
            yield f"{head}{paint(line, colour, colours=colours)}".rstrip()
        return
    cells = min(WIDEST_BAR, max(width - len(name) - 36, 4))
    shown = paint(bar(gauge.fraction, cells, blocks=True), colour, colours=colours)
    rest = f" {min(gauge.fraction, 1):4.0%}  {text}"
    yield f"{name}{shown}{cut(rest, width - len(name) - cells)}".rstrip()


async def _follow(client: Client, *, as_json: bool) -> None:
    live = _Live() if sys.stdout.isatty() and not as_json else None
    readings = patiently(client.watch_hardware, narrate, _lost)
    async with contextlib.aclosing(readings):
        async for hardware in readings:
            if live is not None:
                live.show(hardware, (await client.workers()).workers)
            else:
                (show_document if as_json else _in_a_line)(hardware)


class _Live:
    """The same lines at the same place; only those that changed are written again."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def show(self, hardware: Hardware, workers: Sequence[Worker]) -> None:
        size = shutil.get_terminal_size()
        lines = drawn(gauges(hardware, workers), size.columns)[: size.lines - 1]
        up = f"\x1b[{len(self._lines)}F" if self._lines else ""
        before = [*self._lines, *([None] * len(lines))]
        pieces = [
            "\n" if line == old else f"\x1b[2K{line}\n"
            for line, old in zip(lines, before, strict=False)
        ]
        sys.stdout.write(f"{up}{''.join(pieces)}\x1b[J")
        sys.stdout.flush()
        self._lines = lines


def _in_a_line(hardware: Hardware) -> None:
    """For a log: what is full, and how busy."""
    known = machine.shares(hardware)
    show([one_line("  ".join(f"{key} {share:.0%}" for key, share in known.items()))])
    sys.stdout.flush()


def _lost() -> DaemonUnreachable:
    return DaemonUnreachable("the daemon went away", hint="run: wantui daemon start")
