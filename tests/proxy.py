"""An HTTP proxy on loopback that tunnels (RFC 9110, CONNECT) and remembers where to."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Tunnel)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A tunnel that ends is not one."""


class _Tunnel(BaseHTTPRequestHandler):
    server: Proxy

    def log_message(self, *_: object) -> None:
        """Nothing: `Proxy.asked` has it."""

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            _carry(self.connection, upstream)
        self.close_connection = True


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Bytes both ways until one side has no more."""
    while True:
        ready, _, _ = select.select([one, other], [], [])
        for source in ready:
            piece = source.recv(1 << 16)
            if not piece:
                return
            (other if source is one else one).sendall(piece)


@contextlib.contextmanager
def running_proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
