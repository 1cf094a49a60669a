"""A daemon's life: lock, parts, socket, serve; then goodbye to listeners, drain, and leave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from wantui import __version__
from wantui.daemon.app import create_app
from wantui.daemon.listener import listening, listening_to_group, only_daemon, protocol_for
from wantui.daemon.logs import start_logging
from wantui.daemon.notify import Notifier
from wantui.daemon.parts import Parts
from wantui.files import private_folder
from wantui.paths import Paths
from wantui.settings import Settings

CLOSE_S = 2
"""How long requests under way get at the very end; event streams have been ended by then."""
KEEP_ALIVE_S = 75
"""How long a client's idle connection stays open for its next request."""

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, which are ours, and without its ten ticks a second.

    The ticks date the replies, which a socket on one machine does without, and look whether to go.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._going = asyncio.Event()
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._ready()
        await self._going.wait()

    def go(self) -> None:
        """Finish what is under way and end."""
        self.should_exit = True
        self._going.set()

    async def hurry(self, hurry: asyncio.Event) -> None:
        """Once that is set, wait for nobody."""
        await hurry.wait()
        self.force_exit = True


async def serve(paths: Paths, settings: Settings) -> None:
    """Run until SIGTERM, SIGINT or a client ends it; a second signal ends it at once.

    Raises DaemonRunning, FolderUnsafe or DatabaseUnusable.
    """
    for folder in (paths.state, paths.run, paths.data, paths.logs):
        private_folder(folder)
    notifier = Notifier.from_environment(os.environ)
    with only_daemon(paths.lock):
        start_logging(paths, settings.logs)
        shutdown, hurry = asyncio.Event(), asyncio.Event()
        _stop_on_signals(shutdown, hurry)
        if paths.network is not None:
            log.warning(
                "%s is on %s: no WAL there, and the socket is %s",
                paths.state, paths.network, paths.socket,
            )  # fmt: skip
        parts = Parts(paths, settings)
        await parts.start()
        try:
            with _listeners(paths, settings.daemon.group_socket) as listeners:
                log.info("wantui %s listens at %s", __version__, paths.socket)
                await _serve_until(shutdown, hurry, parts, listeners, notifier)
        except Exception:
            log.exception("the daemon fails")
            raise
        finally:
            notifier.stopping()
            await parts.stop(hurry)
            log.info("stopped")


@contextlib.contextmanager
def _listeners(paths: Paths, shared: Path | None) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(listening(paths.socket))]
        if shared is not None:
            listeners.append(stack.enter_context(listening_to_group(shared)))
            log.info("the group of %s may come in there", shared)
        yield listeners


async def _serve_until(
    shutdown: asyncio.Event,
    hurry: asyncio.Event,
    parts: Parts,
    listeners: list[socket.socket],
    notifier: Notifier,
) -> None:
    config = uvicorn.Config(
        create_app(parts, shutdown),
        http=protocol_for(parts.settings.daemon.group_socket),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=CLOSE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    server = _Server(config, lambda: notifier.ready(f"wantui {__version__}"))
    serving = asyncio.create_task(server.serve(sockets=listeners))
    asked = asyncio.create_task(shutdown.wait())
    failed = asyncio.create_task(parts.failed())
    beating = asyncio.create_task(notifier.beat())
    try:
        await asyncio.wait({serving, asked, failed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        parts.events.close("the daemon is stopping")
        server.go()
        hurrying = asyncio.create_task(server.hurry(hurry))
        await serving
        for task in (hurrying, asked, beating):
            task.cancel()
    if failed.done():
        failed.result()
    failed.cancel()


def _stop_on_signals(shutdown: asyncio.Event, hurry: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if shutdown.is_set():
            hurry.set()
        shutdown.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
