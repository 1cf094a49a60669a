"""The catalog with the state of every model's weights."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from wantui.api.download import ConvertPlan, Depth, Download, PullPlan
from wantui.api.model import Models, ModelStatus
from wantui.api.plan import DType
from wantui.api.removal import Removals
from wantui.api.worker import Worker, Workers
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api/models", tags=["models"])


@router.get("", response_model=Models)
async def models(parts: PartsOf, name: str | None = None) -> Response:
    """All, or the one that an id or alias names: aliases may hold a slash."""
    if name is None:
        return answer(Models(models=await parts.inventory.models()))
    recipe = parts.inventory.catalog.model(name)
    return answer(Models(models=(await parts.inventory.model(recipe),)))


@router.get("/{model_id}", response_model=ModelStatus)
async def model(model_id: str, parts: PartsOf) -> Response:
    recipe = parts.inventory.catalog.model(model_id)
    return answer(await parts.inventory.model(recipe))


@router.post("/{model_id}/pull", status_code=202, response_model=Download)
async def pull(model_id: str, parts: PartsOf) -> Response:
    """Exactly the files that the model needs, proven; joins a pull that is under way."""
    return answer(await parts.provision.pull(parts.inventory.catalog.model(model_id)), 202)


@router.get("/{model_id}/pull", response_model=PullPlan)
async def pull_plan(model_id: str, parts: PartsOf) -> Response:
    """What a pull would bring, as the hub has it now."""
    return answer(await parts.provision.plan(parts.inventory.catalog.model(model_id)))


@router.post("/{model_id}/verify", status_code=202, response_model=Download)
async def verify(model_id: str, parts: PartsOf, depth: Depth = Depth.CONTENT) -> Response:
    """Compare what is on disk with the publisher's digests; needs no network."""
    recipe = parts.inventory.catalog.model(model_id)
    return answer(await parts.provision.verify(recipe, depth), 202)


@router.post("/{model_id}/repair", status_code=202, response_model=Download)
async def repair(model_id: str, parts: PartsOf) -> Response:
    """Replace bad files, and only those."""
    return answer(await parts.provision.repair(parts.inventory.catalog.model(model_id)), 202)


@router.post("/{model_id}/convert", status_code=202, response_model=Download)
async def convert(model_id: str, parts: PartsOf, dtype: DType = DType.BFLOAT16) -> Response:
    """Rewrite the weights as a GPU loads them; what nobody has proven is verified first."""
    recipe = parts.inventory.catalog.model(model_id)
    return answer(await parts.conversions.convert(recipe, dtype), 202)


@router.get("/{model_id}/convert", response_model=ConvertPlan)
async def convert_plan(model_id: str, parts: PartsOf, dtype: DType = DType.BFLOAT16) -> Response:
    """What a conversion would take, and save."""
    recipe = parts.inventory.catalog.model(model_id)
    return answer(await parts.conversions.plan(recipe, dtype))


@router.post("/{model_id}/load", response_model=Worker)
async def load(
    model_id: str,
    parts: PartsOf,
    keep_alive_s: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
) -> Response:
    """Load it before any job does, and answer once it is; for a video of its default size.

    It is kept without work for so long, by default until it is unloaded or a job of another model
    needs the device.
    """
    recipe = parts.inventory.catalog.model(model_id)
    return answer(await parts.loading.load(recipe, keep_alive_s))


@router.post("/{model_id}/unload", response_model=Workers)
async def unload(model_id: str, parts: PartsOf) -> Response:
    """Let the idle workers go that hold it; answers with those that are left."""
    return answer(await parts.loading.unload(parts.inventory.catalog.model(model_id)))


@router.delete("/{model_id}", response_model=Removals)
async def remove(model_id: str, parts: PartsOf, dry_run: bool = False) -> Response:
    """What only this model needs; refused while something needs it."""
    recipe = parts.inventory.catalog.model(model_id)
    return answer(await parts.housekeeping.remove(recipe, dry_run=dry_run))


@router.post("/{model_id}/keep", response_model=ModelStatus)
async def keep(model_id: str, parts: PartsOf, kept: bool = True) -> Response:
    """Protect a model's weights from being removed, or, with `kept=false`, no longer."""
    recipe = parts.inventory.catalog.model(model_id)
    return answer(await parts.housekeeping.keep(recipe, kept=kept))
