"""The HTTP application over a daemon's parts."""

from __future__ import annotations

import asyncio

from fastapi import Depends, FastAPI

from wantui import __version__
from wantui.api.error import ErrorReply
from wantui.daemon.body_limit import BodyLimit
from wantui.daemon.failures import add_failures
from wantui.daemon.parts import Parts
from wantui.daemon.request_meter import RequestMeter
from wantui.daemon.routes import (
    adapters,
    cache,
    daemon,
    downloads,
    events,
    jobs,
    logs,
    machine,
    metrics,
    models,
    pictures,
    plan,
    queue,
    uploads,
)
from wantui.daemon.routes.common import known_parameters, permitted, roomy


def create_app(parts: Parts, shutdown: asyncio.Event) -> FastAPI:
    """`shutdown` is set when a client asks the daemon to stop."""
    app = FastAPI(
        title="wantui",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": ErrorReply, "description": "What failed, and what to do"}},
        dependencies=[Depends(permitted), Depends(known_parameters), Depends(roomy)],
    )
    app.state.parts = parts
    app.state.shutdown = shutdown
    app.add_middleware(BodyLimit, limits=parts.settings.limits)
    app.add_middleware(RequestMeter, instruments=parts.instruments)
    add_failures(app)
    nouns = (
        daemon,
        jobs,
        pictures,
        models,
        cache,
        downloads,
        adapters,
        queue,
        events,
        uploads,
        machine,
        metrics,
        plan,
        logs,
    )
    for noun in nouns:
        app.include_router(noun.router)
    return app
