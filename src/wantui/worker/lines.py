"""Lines from a socket, with a patience that a file of it does not have."""

from __future__ import annotations

import select
import socket

from wantui.pipe.framing import MAX_LINE_BYTES

_RECEIVE_BYTES = 1 << 16


class Lines:
    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = bytearray()

    def next(self, patience_s: float | None) -> bytes | None:
        """The next line; empty once the peer is gone or sends no lines; None if none came in time.

        A `patience_s` of None is for ever.
        """
        while b"\n" not in self._rest:
            if not select.select([self._socket], [], [], patience_s)[0]:
                return None
            piece = self._received()
            if not piece or len(self._rest) > MAX_LINE_BYTES:
                return b""
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return bytes(line)

    def _received(self) -> bytes:
        try:
            return self._socket.recv(_RECEIVE_BYTES)
        except ConnectionError:
            return b""
