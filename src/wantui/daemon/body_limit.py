"""A limit on request bodies: uvicorn has none."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wantui.settings import LimitSettings
from wantui.store.lora import MAX_HEADER_BYTES
from wantui.text import bytes_text

UPLOADS = "/api/uploads"
ADAPTERS = "/api/adapters"
BATCHES = "/api/jobs/batch"
MAX_HEAD_BYTES = 8 + MAX_HEADER_BYTES


class BodyLimit:
    """ASGI middleware; answers 413 from inside the app as soon as a body is too long."""

    def __init__(self, app: ASGIApp, limits: LimitSettings) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits = self._limits
        files = {
            UPLOADS: limits.image_bytes,
            ADAPTERS: limits.adapter_bytes,
            BATCHES: limits.batch_bytes,
            f"{ADAPTERS}/check": MAX_HEAD_BYTES,
        }
        most = files.get(scope["path"], limits.body_bytes)
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413, f"the body is longer than {bytes_text(most)}")
            return message

        await self._app(scope, counted, send)
