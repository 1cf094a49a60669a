"""Thumbnails that were looked at lately: a few kilobytes each, fetched once."""

from __future__ import annotations

from collections import OrderedDict

from wantui.client import Client

KEPT = 200


class Thumbnails:
    """By job; those that were not looked at the longest go first."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, bytes] = OrderedDict()

    def get(self, job_id: int) -> bytes | None:
        if job_id in self._known:
            self._known.move_to_end(job_id)
        return self._known.get(job_id)

    async def fetch(self, client: Client, job_id: int) -> bytes:
        """Raises NoPicture."""
        content = b"".join([piece async for piece in client.thumbnail(job_id)])
        self._known[job_id] = content
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return content
