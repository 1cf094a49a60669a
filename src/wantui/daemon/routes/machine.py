"""The hardware and the workers on it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from wantui.api.hardware import Hardware, ProfileText
from wantui.api.worker import Workers
from wantui.daemon.routes.common import PartsOf, answer
from wantui.hardware.export import export

router = APIRouter(prefix="/api", tags=["machine"])


@router.get("/hardware", response_model=Hardware)
async def hardware(parts: PartsOf) -> Response:
    """Read now, with what was found out before."""
    return answer(await parts.machine.read())


@router.post("/hardware/measure", response_model=Hardware)
async def measure(parts: PartsOf, anew: bool = False) -> Response:
    """Find out what is not known yet: how fast disks read, and what the engine knows.

    That takes seconds. With `anew` all of it is found out again, with files of our own where there
    are none to read. While a job runs the engine is asked only then.
    """
    asked = anew or not parts.board.busy
    return answer(await parts.machine.find_out(anew=anew, ask_engine=asked))


@router.get("/hardware/profile", response_model=ProfileText)
async def profile(parts: PartsOf, device: str | None = None) -> Response:
    """This machine as a profile, to be edited and kept among the user's own."""
    hardware = await parts.machine.read()
    return answer(export(parts.machine.matched(hardware, device), hardware))


@router.get("/workers", response_model=Workers)
async def workers(parts: PartsOf) -> Response:
    """With their memory as it is now."""
    return answer(await asyncio.to_thread(parts.board.measured))
