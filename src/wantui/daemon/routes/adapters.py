"""Adapters: send one, have one pulled, look, remove."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from wantui.api.adapter import (
    Adapter,
    AdapterCheck,
    AdapterPullRequest,
    Adapters,
)
from wantui.api.download import Download
from wantui.daemon.routes.common import PartsOf, answer
from wantui.errors import InvalidAdapter

router = APIRouter(prefix="/api/adapters", tags=["adapters"])

FileName = Annotated[str, Query(min_length=1, max_length=255)]
_BODY = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}


@router.get("", response_model=Adapters)
async def adapters(parts: PartsOf, name: str | None = None) -> Response:
    """All, or the one that a name, an id or the beginning of an id names."""
    if name is None:
        return answer(Adapters(adapters=parts.adapters.all()))
    return answer(Adapters(adapters=(parts.adapters.find(name),)))


@router.post(
    "",
    status_code=201,
    response_model=Adapter,
    responses={200: {"model": Adapter, "description": "The same bytes are kept already"}},
    openapi_extra={"requestBody": {**_BODY, "required": True}},
)
async def send(
    request: Request,
    parts: PartsOf,
    file: FileName,
    name: str | None = None,
) -> Response:
    """The body is the LoRA itself, streamed; `file` is its name where it comes from."""
    announced = request.headers.get("Content-Length", "")
    size = int(announced) if announced.isdecimal() else None
    kept = await parts.adapters.receive(_content(request), size, file, name)
    return answer(kept.adapter, 201 if kept.new else 200)


@router.post(
    "/check",
    response_model=AdapterCheck,
    openapi_extra={"requestBody": {**_BODY, "required": True}},
)
async def check(
    request: Request,
    parts: PartsOf,
    file: FileName,
    size: Annotated[int, Query(ge=0, le=2**63 - 1)],
    name: str | None = None,
) -> Response:
    """Whether a LoRA of `size` bytes will be taken: the body is its beginning, header and all."""
    return answer(await parts.adapters.judge(await request.body(), size, file, name))


@router.post("/pull", status_code=202, response_model=Download)
async def pull(request: AdapterPullRequest, parts: PartsOf) -> Response:
    """From the hub, proven and then checked; joins a download of the same file."""
    return answer(await parts.fetching.adapters.ask(request), 202)


@router.get("/{adapter_id}", response_model=Adapter)
async def adapter(adapter_id: str, parts: PartsOf) -> Response:
    return answer(parts.adapters.get(adapter_id))


@router.delete("/{adapter_id}", response_model=Adapter)
async def remove(adapter_id: str, parts: PartsOf) -> Response:
    """What it was."""
    return answer(await parts.adapters.remove(adapter_id))


async def _content(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise InvalidAdapter("the upload broke off") from error
