"""Pictures for image-to-video."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from wantui.api.upload import Upload
from wantui.daemon.routes.common import PartsOf, answer

router = APIRouter(prefix="/api/uploads", tags=["uploads"])


@router.post("", status_code=201, response_model=Upload)
async def upload(request: Request, parts: PartsOf) -> Response:
    """The body is the picture itself: PNG, JPEG or WebP. Its header is read, no pixel decoded."""
    content = await request.body()
    return answer(await asyncio.to_thread(parts.uploads.keep, content), 201)
