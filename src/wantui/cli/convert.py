"""`wantui convert`: weights rewritten once, in the number format that a GPU loads them in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from wantui.api.download import ConvertPlan, Download
from wantui.api.plan import DType
from wantui.cli.confirm import Yes
from wantui.cli.options import Host, Json
from wantui.cli.weights import Detach, Model, agreed, follow
from wantui.client import Client
from wantui.text import bytes_text, duration_text


class Format(StrEnum):
    """As people call it."""

    BF16 = "bf16"

    @property
    def dtype(self) -> DType:
        return DType.BFLOAT16


def register(app: typer.Typer) -> None:
    app.command()(convert)


def convert(
    model: Model,
    *,
    dtype: Annotated[
        Format, typer.Option("--dtype", help="The number format to convert to.")
    ] = Format.BF16,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take and save; write nothing.")
    ] = False,
    yes: Yes = False,
    detach: Detach = False,
    host: Host = None,
    as_json: Json = False,
) -> None:
    """Rewrite a model's weights for faster loads. The published files stay; Ctrl-C detaches."""
    if not agreed(
        lambda client: _planned(client, model, dtype.dtype),
        _facts,
        lambda plan: "convert them?" if plan.components else None,
        dry_run=dry_run,
        unasked=yes or detach or as_json,
        host=host,
        as_json=as_json,
    ):
        return

    async def begin(client: Client) -> Download:
        return await client.convert((await client.model(model)).id, dtype.dtype)

    follow(begin, detach=detach, host=host, as_json=as_json)


async def _planned(client: Client, model: str, dtype: DType) -> ConvertPlan:
    return await client.convert_plan((await client.model(model)).id, dtype)


def _facts(plan: ConvertPlan) -> list[tuple[str, str]]:
    facts = [
        ("model", plan.model),
        ("format", f"{plan.dtype}, {_use(plan)}"),
        ("to convert", ", ".join(plan.components) or "nothing: it is done, or published so"),
    ]
    if plan.components:
        facts += [
            ("reads", f"{bytes_text(plan.bytes_read)}, which stay"),
            ("writes", bytes_text(plan.bytes_to_write)),
            ("saves", f"about {duration_text(plan.saved_s)} a load from a cold disk"),
        ]
    return [*facts, ("free", bytes_text(plan.free_bytes))]


def _use(plan: ConvertPlan) -> str:
    if plan.used:
        return "which the GPU of this machine loads"
    return "which no device of this machine loads: a CPU computes in float32"
