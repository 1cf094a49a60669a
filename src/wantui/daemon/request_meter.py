"""Counts requests and how long they wait for an answer."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wantui.daemon.instruments import Instruments

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""The method that HTTP does not name, the path that is no route: anything may be asked for."""


class RequestMeter:
    """ASGI middleware. A stream counts when it begins, an answer that never came as a 500."""

    def __init__(self, app: ASGIApp, instruments: Instruments) -> None:
        self._app = app
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        told = False

        def tell(status: int) -> None:
            nonlocal told
            told = True
            spent = time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else OTHER
            self._instruments.request(method, _route(scope), status, spent)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                tell(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if not told:
                tell(500)
            raise


def _route(scope: Scope) -> str:
    """The template that the path matched, such as `/api/jobs/{job_id}`."""
    return str(getattr(scope.get("route"), "path", OTHER))
