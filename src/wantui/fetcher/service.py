"""What a fetcher does with each kind of order."""

from __future__ import annotations

import socket
from collections.abc import Callable

from wantui.fetcher.verify import Verification
from wantui.pipe import serving
from wantui.pipe.fetch import FetchOrder, FetchReport, PullAdapter, PullFiles, VerifyFiles
from wantui.pipe.serving import Work


def serve(pipe: socket.socket) -> None:
    """Carry out the one order that comes; returns when that is done, and said."""
    serving.serve(pipe, _work)


def _work(order: FetchOrder, tell: Callable[[FetchReport], None]) -> Work | None:
    match order:
        case VerifyFiles():
            return Verification(order, tell)
        case PullFiles():  # the hub's client takes most of a second to import, and a verification
            from wantui.fetcher.errand import Errand  # noqa: PLC0415 - needs none of it

            return Errand(order, tell)
        case PullAdapter():
            from wantui.fetcher.adapter import AdapterErrand  # noqa: PLC0415 - as above

            return AdapterErrand(order, tell)
        case _:
            return None
