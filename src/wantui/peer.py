"""Who is at the other end of a Unix socket, as the kernel knows it."""

from __future__ import annotations

import socket
import struct

_UCRED = struct.Struct("3i")
"""pid, uid, gid: unix(7), SO_PEERCRED."""


def peer_uid(connection: socket.socket) -> int:
    """The user who connected; seen from there, the user who began to listen."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _, uid, _ = _UCRED.unpack(raw)
    return int(uid)
