"""The doctor, who looks at everything and has a clip made."""

from __future__ import annotations

from fastapi import APIRouter, Response

from wantui.api.doctor import Diagnosis
from wantui.daemon.doctor.resident import examine
from wantui.daemon.routes.common import PartsOf, Peer, answer

router = APIRouter(prefix="/api", tags=["machine"])


@router.post("/doctor", response_model=Diagnosis)
async def doctor(parts: PartsOf, peer: Peer, quick: bool = False) -> Response:
    """What is wrong here, and what mends it; takes as long as a clip of the demo.

    With `quick` no clip is made, and what was found out about the machine before is believed.
    """
    return answer(await examine(parts, quick=quick, owner=peer))
