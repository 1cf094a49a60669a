"""What every route uses: the daemon's parts, who asks, and how an object is answered."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response

from wantui.api.base import Reply
from wantui.daemon.failures import unknown_field
from wantui.daemon.parts import Parts
from wantui.daemon.permission import brings_something, need_permission


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    if not isinstance(parts, Parts):
        raise TypeError("the app was made without its parts")
    return parts


def _peer(request: Request) -> int:
    """The uid at the other end of the socket; see listener.PeerProtocol."""
    if request.client is None:
        raise TypeError("the listener says who asks")
    return int(request.client.host)


def known_parameters(request: Request) -> None:
    """Raises UnknownField for a query parameter that the route does not have."""
    route = request.scope["route"]
    known = [field.alias for field in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise unknown_field(name, known)


async def permitted(request: Request) -> None:
    """Raises NotAllowed for what is not this user's to change; see permission."""
    job_id = request.path_params.get("job_id", "")
    await need_permission(
        _peer(request),
        request.method,
        request.scope["route"].path,
        int(job_id) if job_id.isdecimal() and len(job_id) < 19 else None,
        _parts(request).jobs.get,
    )


async def roomy(request: Request) -> None:
    """Raises DiskFull for a job, or what one is made of, while there is no room for any."""
    if brings_something(request.method, request.scope["route"].path):
        await _parts(request).scheduler.need_room()


PartsOf = Annotated[Parts, Depends(_parts)]
Peer = Annotated[int, Depends(_peer)]


def answer(reply: Reply, status: int = 200) -> Response:
    """Dumped once, not validated again."""
    return Response(reply.model_dump_json(), status_code=status, media_type="application/json")
