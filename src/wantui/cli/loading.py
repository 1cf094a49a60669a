"""`wantui load`, `unload`: models held before a job asks for them, and let go."""

from __future__ import annotations

from typing import Annotated

import typer

from wantui.api.model import WeightsState
from wantui.api.worker import Worker, Workers
from wantui.cli.document import show_document
from wantui.cli.narrated_download import wait_for_download
from wantui.cli.options import Host, Json
from wantui.cli.session import ask
from wantui.cli.terminal import narrate
from wantui.client import Client, words

FOREVER = -1.0
"""As Ollama has it: a negative time keeps a model for good."""

Model = Annotated[str, typer.Argument(metavar="MODEL", help="An id or alias; see wantui ls.")]


def register(app: typer.Typer) -> None:
    for verb in (load, unload):
        app.command()(verb)


def load(
    model: Model,
    keep_alive: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Keep it so long without work; by default until it is unloaded.",
        ),
    ] = FOREVER,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Load a model, so that the next job of it begins at once.

    It stays until it is unloaded; a job of another model that needs the device takes its place.
    """
    kept_s = None if keep_alive < 0 else keep_alive
    worker = ask(lambda client: _load(client, model, kept_s), host)
    if as_json:
        show_document(worker)
        return
    until = "it is unloaded" if worker.kept_until is None else words.clock(worker.kept_until)
    narrate(f"{worker.model} is loaded on {worker.device_name}, and kept until {until}")


def unload(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="By default all.")] = None,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Let a model go, or all that are loaded: their workers exit and give their memory back."""
    left = ask(lambda client: _unload(client, model), host)
    if as_json:
        show_document(left)
    elif left.workers:
        narrate(f"{len(left.workers)} worker(s) are left; see: wantui ps")
    else:
        narrate("no worker holds a model now")


async def _load(client: Client, name: str, keep_alive_s: float | None) -> Worker:
    model = await client.model(name)
    if model.weights.state is WeightsState.UNVERIFIED:
        await _verify(client, model.id)
    narrate(f"loading {model.id}")
    return await client.load(model.id, keep_alive_s)


async def _verify(client: Client, model_id: str) -> None:
    """As a job would have it done. Raises what is wrong with the weights."""
    verified = await client.verify(model_id)
    if verified.state.open:
        verified = await wait_for_download(client, verified.id)
    if verified.error is not None:
        raise verified.error.to_error()


async def _unload(client: Client, name: str | None) -> Workers:
    if name is not None:
        return await client.unload((await client.model(name)).id)
    left = await client.workers()
    for model in sorted({worker.model for worker in left.workers if worker.model is not None}):
        left = await client.unload(model)
    return left
