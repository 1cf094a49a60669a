"""What a video would take, what fits this machine at all, and how far past estimates were off."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from wantui.api.estimate import Accuracy, Fits, PlanRequest, Plans
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api", tags=["plan"])

Names = Annotated[tuple[str, ...], Query()]


@router.get("/plan", response_model=Plans)
async def plan(
    parts: PartsOf,
    model: str,
    *,
    size: str | None = None,
    frames: int | None = None,
    steps: int | None = None,
    quality: str = "faithful",
    device: str | None = None,
    profile: str | None = None,
) -> Response:
    """Every way that comes into question on one device, the chosen one marked, each with its price.

    With `profile` for a known machine instead of this one.
    """
    request = PlanRequest(
        model=model,
        size=size,
        frames=frames,
        steps=steps,
        quality=quality,
        device=device,
        profile=profile,
    )
    return answer(await parts.forecast.plans(request))


@router.post("/plan", response_model=Plans)
async def plan_for(request: PlanRequest, parts: PartsOf) -> Response:
    """The same; `machine` may be a profile of one's own, as TOML."""
    return answer(await parts.forecast.plans(request))


@router.get("/plan/accuracy", response_model=Accuracy)
async def accuracy(parts: PartsOf) -> Response:
    """The median error of memory and time, for each device, model and stage."""
    return answer(parts.forecast.accuracy())


@router.get("/fits", response_model=Fits)
async def fits(
    parts: PartsOf,
    models: Names = (),
    sizes: Names = (),
    device: str | None = None,
    profile: str | None = None,
) -> Response:
    """Models by sizes: how each fits, and what it would take. Without names all of them."""
    return answer(await parts.forecast.fits(models, sizes, device=device, profile=profile))
