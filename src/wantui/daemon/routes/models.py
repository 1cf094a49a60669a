"""The catalog with the state of every model's weights."""

from __future__ import annotations

from fastapi import APIRouter, Response

from wantui.api.model import Models, ModelStatus
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
