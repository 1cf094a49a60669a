"""`python -m wantui.worker.converter --fd N --parent PID`: started by the daemon, for one order.

A process of its own on the CPU, so that the worker and the queue go on beside it.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable

from wantui.pipe.fetch import ConvertFiles, FetchOrder, FetchReport
from wantui.pipe.serving import Work, serve
from wantui.process import die_with_parent, ignore_interrupts, leave

NICENESS = 10
"""Whoever computes beside it goes first: nice(2)."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="wantui.worker.converter", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="our end of the daemon's socketpair")
    parser.add_argument("--parent", type=int, required=True, help="the daemon's process id")
    arguments = parser.parse_args()

    die_with_parent(arguments.parent)
    ignore_interrupts()
    os.nice(NICENESS)
    os.environ |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}  # before torch looks
    serve(socket.socket(fileno=arguments.fd), _work)
    leave(0)


def _work(order: FetchOrder, tell: Callable[[FetchReport], None]) -> Work | None:
    if not isinstance(order, ConvertFiles):
        return None
    from wantui.worker.convert import Rewriting  # noqa: PLC0415 - torch, once it is wanted

    return Rewriting(order, tell)


if __name__ == "__main__":
    main()
