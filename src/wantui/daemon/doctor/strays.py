"""Processes that hold what jobs need: workers without a daemon, and others on a GPU."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import psutil

from wantui.api.doctor import Finding, ok, warn
from wantui.api.hardware import Gpu
from wantui.text import bytes_text

WORKER = "wantui.worker"
HOME = "WANTUI_HOME"
WORTH_BYTES = 256 << 20
"""Of GPU memory: less is a desktop's, or a context without anything in it."""


class Stray(NamedTuple):
    """A worker of this home that no daemon listens to."""

    pid: int
    bytes: int
    """Of host memory."""


def look_for_strays(daemon: int | None, home: str | None) -> list[Stray]:
    """Our user's workers whose parent is not the daemon with that pid; None where none runs.

    A worker of another home is another daemon's.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if _is_stray(process, daemon, home):
                found.append(Stray(process.pid, process.memory_info().rss))
        except psutil.Error:  # it has just gone, or is another user's
            continue
    return found


def check_strays(strays: Sequence[Stray]) -> Iterator[Finding]:
    for stray in strays:
        what = f"a worker without a daemon holds {bytes_text(stray.bytes)}, and perhaps a GPU"
        fix = f"kill -9 {stray.pid}"
        yield warn("processes", what, where=f"process {stray.pid}", fix=fix)
    if not strays:
        yield ok("processes", "no worker runs without a daemon")


def check_holders(gpus: Sequence[Gpu], ours: Collection[int]) -> Iterator[Finding]:
    """Who else holds a GPU's memory; `ours` are the pids of the daemon's workers.

    In a container the driver's pids are the host's: of a process that it cannot name it is not
    known whether it is ours.
    """
    known = any(holder.pid in ours for gpu in gpus for holder in gpu.holders)
    for gpu in gpus:
        for holder in gpu.holders:
            maybe_ours = not holder.name and bool(ours) and not known
            small = (holder.bytes or 0) < WORTH_BYTES
            if holder.pid in ours or maybe_ours or small:
                continue
            name = holder.name or "a process of another container or user"
            what = f"{name} holds {bytes_text(holder.bytes or 0)} of {gpu.name}"
            where = f"process {holder.pid}"
            yield warn("processes", what, where=where, fix=f"kill {holder.pid}")


def workers_of(daemon: int | None) -> frozenset[int]:
    """The pids of a daemon's children; none where none runs."""
    if daemon is None:
        return frozenset()
    try:
        return frozenset(child.pid for child in psutil.Process(daemon).children())
    except psutil.Error:
        return frozenset()


def _is_stray(process: psutil.Process, daemon: int | None, home: str | None) -> bool:
    """Raises psutil.Error."""
    if process.uids().real != os.getuid() or process.pid == os.getpid():
        return False
    words = process.cmdline()
    if WORKER not in words or "-m" not in words or process.status() == psutil.STATUS_ZOMBIE:
        return False
    return process.environ().get(HOME) == home and process.ppid() not in (daemon, os.getpid())
