"""`wantui presets`: requests that were saved by name, here or in the TUI."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wantui.api.asked import fields_of
from wantui.api.job import Job
from wantui.cli.document import show_document
from wantui.cli.options import Host, JobId, Json
from wantui.cli.session import ask
from wantui.cli.table import Column, table
from wantui.cli.terminal import colours_wanted, columns, narrate, show, show_raw
from wantui.client.lora_text import lora_text
from wantui.client.presets import Preset, Presets, preset_text
from wantui.errors import InvalidRequest
from wantui.paths import Paths

_COLUMNS = (
    Column("PRESET"),
    Column("MODEL"),
    Column("SIZE"),
    Column("PROMPT", flexible=True),
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="See: wantui presets.")]
Force = Annotated[bool, typer.Option("--force", help="Replace one of this name.")]


def register(app: typer.Typer) -> None:
    family = typer.Typer(
        help="Requests saved by name, for `generate --preset` and the TUI.", rich_markup_mode=None
    )
    family.callback(invoke_without_command=True)(_list)
    for verb in (ls, show_one, save, rm):
        family.command("show" if verb is show_one else None)(verb)
    app.add_typer(family, name="presets")


def _list(context: typer.Context) -> None:
    """Requests saved by name, for `generate --preset` and the TUI."""
    if context.invoked_subcommand is None:
        ls()


def ls(as_json: Json = False) -> None:
    """List the presets."""
    presets = _presets().all()
    if as_json:
        show_document({"presets": {preset.name: _plain(preset) for preset in presets}})
        return
    if not presets:
        narrate("no presets; save a job's request as one: wantui presets save NAME ID")
        return
    rows = [
        (preset.name, *(str(preset.fields.get(key, "")) for key in ("model", "size", "prompt")))
        for preset in presets
    ]
    show(table(_COLUMNS, rows, width=columns(), colours=colours_wanted()))


def show_one(name: Name, as_json: Json = False) -> None:
    """Print one as the file has it."""
    preset = _presets().named(name)
    if as_json:
        show_document({"name": preset.name, "preset": _plain(preset)})
    else:
        show_raw(preset_text(preset))


def save(name: Name, job_id: JobId, *, force: Force = False, host: Host = None) -> None:
    """Save what a job was asked for, but not its seed nor its picture."""
    presets = _presets()
    if not force and name in {preset.name for preset in presets.all()}:
        raise InvalidRequest("there is a preset of this name", hint="--force replaces it")
    job = ask(lambda client: client.job(job_id), host)
    presets.save(name, asked_of(job))
    narrate(f"saved in {presets.path}")


def rm(name: Name) -> None:
    """Remove one."""
    presets = _presets()
    presets.remove(name)
    narrate(f"removed from {presets.path}")


def asked_of(job: Job) -> dict[str, Any]:
    """What to ask for to get more like a job, as a preset has it.

    Its seed would make the same again, and its picture is the daemon's.
    """
    fields = fields_of(job.model, job.quality, job.params, job.encoding)
    loras = [lora_text(use.adapter, use.strength, use.expert) for use in fields.pop("loras")]
    left_out = ("seed", "image", "png")
    said = {key: value for key, value in fields.items() if value is not None}
    kept = {key: value for key, value in said.items() if key not in left_out}
    return {**kept, **({"loras": loras} if loras else {})}


def _plain(preset: Preset) -> dict[str, Any]:
    """For JSON: dates and times as text."""
    return {
        key: value if isinstance(value, str | int | float | list | dict) else str(value)
        for key, value in preset.fields.items()
    }


def _presets() -> Presets:
    return Presets(Paths.from_environment().presets)
