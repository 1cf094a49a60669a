"""`wantui ls` and `show`: the models, and which of their weights are on this machine."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from wantui.api.model import (
    ComponentStatus,
    FileStatus,
    ModelStatus,
    SnapshotStatus,
    WeightsState,
    WeightsStatus,
)
from wantui.api.report import HealthState
from wantui.cli.describe import LABEL_WIDTH, show_facts
from wantui.cli.document import show_document
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.table import GAP, Cell, Colour, Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show
from wantui.client import Client, report, words
from wantui.text import bytes_text

WORDS_WIDTH = 64
MIN_WIDTH = 20
"""Of a value that is wrapped, however narrow the terminal."""
_COLOURS: dict[WeightsState, Colour] = {
    WeightsState.UNVERIFIED: Colour.YELLOW,
    WeightsState.VERIFIED: Colour.GREEN,
    WeightsState.CORRUPT: Colour.RED,
    WeightsState.PARTIAL: Colour.YELLOW,
    WeightsState.ABSENT: Colour.DIM,
}
_HEALTH_COLOURS: dict[HealthState, Colour] = {
    HealthState.READY: Colour.GREEN,
    HealthState.UNVERIFIED: Colour.YELLOW,
    HealthState.INCOMPLETE: Colour.YELLOW,
    HealthState.UNFIT: Colour.RED,
    HealthState.BROKEN: Colour.RED,
    HealthState.CORRUPT: Colour.RED,
}
_MODEL_COLUMNS = (
    Column("MODEL"),
    Column("WEIGHTS"),
    Column("SIZE", right=True),
    Column("LOADED"),
    Column("LICENSE"),
    Column("SUMMARY", flexible=True),
)
_COMPONENT_COLUMNS = (
    Column("COMPONENT"),
    Column("WEIGHTS"),
    Column("SIZE", right=True),
    Column("PARAMETERS", right=True),
    Column("CLASS", flexible=True),
)

_FILE_COLUMNS = (
    Column("FILE"),
    Column("STATE"),
    Column("SIZE", right=True),
    Column("READ"),
)


def register(app: typer.Typer) -> None:
    for verb in (ls, show_model):
        app.command(name="show" if verb is show_model else None)(verb)


def ls(host: Host = None, as_json: Json = False) -> None:
    """List the models and the state of their weights."""
    models = ask(lambda client: client.models(), host)
    if as_json:
        show_document({"models": models})
        return
    rows = [
        (
            model.id,
            _state(model.weights.state),
            _size(model.weights),
            "yes" if model.loaded else "",
            model.license,
            model.summary,
        )
        for model in models
    ]
    show(table(_MODEL_COLUMNS, rows, width=columns(), colours=colours_wanted()))
    for model in models:
        if (step := _next_step(model)) is not None:
            narrate(f"{'mend' if model.weights.bad else 'get'} {model.id}: {step}")
        if model.stale:
            narrate(f"{model.id} has a newer revision: {model.weights.get_command}")


def show_model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="An id or alias.")],
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Show a model: health, machine, record, components and files, defaults and limits."""
    model = ask(lambda client: _reported(client, name), host)
    if as_json:
        show_document(model)
        return
    show_facts(list(_facts(model)))
    show([""])
    rows = [_component_row(component) for component in model.weights.components]
    show(table(_COMPONENT_COLUMNS, rows, width=columns(), colours=colours_wanted()))
    rows = list(_file_rows(model.weights.files, short=columns() is not None))
    show(["", *table(_FILE_COLUMNS, rows, width=columns(), colours=colours_wanted())])


async def _reported(client: Client, name: str) -> ModelStatus:
    """With what the engine says of it, which is asked once in an environment."""
    model = await client.model(name)
    if model.implemented is not None:
        return model
    narrate("asking the engine what it can build, once: that takes some seconds")
    await client.measure_hardware()
    return await client.model(name)


def _next_step(model: ModelStatus) -> str | None:
    """What makes its weights usable, if they are not."""
    if model.weights.get_command is None or model.weights.state.usable:
        return None
    command = f"wantui repair {model.id}" if model.weights.bad else model.weights.get_command
    if model.upstream is not None and model.upstream.accept_at is not None:
        return f"{words.gating(model.upstream.accept_at)}, then: {command}"
    return command


def _facts(model: ModelStatus) -> Iterator[tuple[str, str | Cell]]:
    yield "model", f"{model.id}: {model.name}"
    yield "summary", model.summary
    yield "health", Cell(report.health(model), _HEALTH_COLOURS[model.health.state])
    for file in model.weights.bad:
        yield "bad file", Cell(_wrapped(f"{file.path}: {file.problem}"), Colour.RED)
    told = (*model.hardware.reasons, *(file.problem for file in model.weights.bad))
    if model.health.last_error is not None and model.health.last_error not in told:
        yield "", Cell(_wrapped(model.health.last_error), Colour.RED)
    if (mend := _next_step(model)) is not None:
        yield "get it", mend
    yield "loaded", "yes" if model.loaded else "no"
    yield from ((name, _wrapped(text)) for name, text in report.machine_facts(model))
    yield from report.record_facts(model.metrics)
    yield from _weights_facts(model)
    yield from _catalog_facts(model)


def _weights_facts(model: ModelStatus) -> Iterator[tuple[str, str | Cell]]:
    """Where they are, whose, and since when they are proven."""
    weights = model.weights
    yield "weights", _state(weights.state)
    yield "size", words.have(weights)
    yield from _converted_facts(weights)
    if weights.folder:
        yield "folder", weights.folder
    yield from _revision_facts(weights)
    if model.upstream is not None:
        yield "upstream", _wrapped(words.upstream(model, model.upstream))
    if model.health.last_verified_at is not None:
        yield "verified", words.clock(model.health.last_verified_at)
    if model.health.checked_at is not None:
        yield "looked at", words.clock(model.health.checked_at)


def _catalog_facts(model: ModelStatus) -> Iterator[tuple[str, str]]:
    """What it is, and what may be asked of it."""
    defaults, limits = model.defaults, model.limits
    if model.parameter_count is not None:
        yield "parameters", words.parameters(model.parameter_count)
    yield "license", model.license
    yield "tasks", ", ".join(model.tasks)
    if model.aliases:
        yield "aliases", _wrapped(", ".join(model.aliases))
    yield from _word_facts(model)
    yield "qualities", _wrapped(", ".join(map(words.quality, model.qualities)))
    low = "" if defaults.guidance_low is None else f",{defaults.guidance_low:g}"
    yield "defaults", f"{words.size(defaults)}, {defaults.steps} steps"
    yield "", f"guidance {defaults.guidance:g}{low}, shift {defaults.shift:g}"
    sizes = f"{', '.join(limits.sizes)}, or any in steps of {limits.size_multiple}"
    yield "sizes", _wrapped(sizes)
    frames = f"{limits.max_frames} frames ({limits.frame_stride}n + 1)"
    yield "limits", f"{limits.max_pixels} pixels, {frames}, {limits.max_steps} steps"


def _wrapped(text: str) -> str:
    """In lines that fit beside the names, where that is a terminal."""
    width = columns()
    if width is None:
        return text
    room = max(width - LABEL_WIDTH - len(GAP), MIN_WIDTH)
    return textwrap.fill(text, room, break_long_words=False, break_on_hyphens=False)


def _revision_facts(weights: WeightsStatus) -> Iterator[tuple[str, str]]:
    if weights.revision:
        yield "revision", weights.revision
        yield "", _pins(weights)
    for also in weights.also:
        yield "and of", f"{also.repository}: {also.revision}"
        yield "", _pins(also)


def _pins(snapshot: WeightsStatus | SnapshotStatus) -> str:
    marks = (("pinned", snapshot.pinned), ("kept", snapshot.kept))
    return ", ".join(word for word, is_so in marks if is_so) or "not pinned"


def _word_facts(model: ModelStatus) -> Iterator[tuple[str, str]]:
    if model.words:
        yield "words", textwrap.fill(", ".join(model.words), WORDS_WIDTH)


def _converted_facts(weights: WeightsStatus) -> Iterator[tuple[str, str]]:
    if weights.converted:
        yield "converted", words.converted(weights)


def _size(weights: WeightsStatus) -> str:
    """34.2 GB + 10.0 GB: what was published, and what was converted besides."""
    extra = f" + {bytes_text(weights.converted_bytes)}" if weights.converted else ""
    return words.have(weights) + extra


def _component_row(component: ComponentStatus) -> tuple[str | Cell, ...]:
    return (
        component.name,
        _state(component.state),
        words.have(component),
        words.parameters(component.parameter_count),
        component.class_name,
    )


def _file_rows(files: Iterable[FileStatus], *, short: bool) -> Iterator[tuple[str | Cell, ...]]:
    """A row a file; in a terminal, which may be narrow, its folder has a row of its own."""
    heading = ""
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if short and folder != heading:
            heading = folder
            yield (f"{folder}/", "", "", "")
        yield _file_row(file, name if short else file.path)


def _file_row(file: FileStatus, name: str) -> tuple[str | Cell, ...]:
    return (
        name,
        _state(file.state),
        "" if file.bytes is None else bytes_text(file.bytes),
        "" if file.checked_at is None else words.clock(file.checked_at),
    )


def _state(state: WeightsState) -> Cell:
    return Cell(f"{words.WEIGHTS_GLYPHS[state]} {state}", _COLOURS[state])
