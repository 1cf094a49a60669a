"""What is looked at the same way whether a daemon runs or not: the machine, the folders, the clock.

Reading takes milliseconds, but for the hardware, which is read before.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import wantui
from wantui.api.doctor import Finding
from wantui.api.hardware import Hardware
from wantui.api.model import WeightsStatus
from wantui.catalog.recipe import Recipe
from wantui.daemon.doctor.access import Access, check_access, check_socket_path, look_at
from wantui.daemon.doctor.cache import (
    check_demo,
    check_hub_cache,
    check_leftovers,
    check_models,
    leftovers,
)
from wantui.daemon.doctor.clock import Clock, check_clock, newest
from wantui.daemon.doctor.disks import check_network, check_space, check_speed
from wantui.daemon.doctor.driver import check_driver
from wantui.daemon.doctor.kernels import check_attention, check_compiling, check_components
from wantui.daemon.doctor.lingering import check_lingering, look_lingering
from wantui.daemon.doctor.records import check_sqlite
from wantui.daemon.doctor.strays import HOME, Stray, check_holders, check_strays, look_for_strays
from wantui.mounts import network_filesystem
from wantui.paths import Paths, demo_weights


@dataclass(frozen=True)
class Readings:
    """All that the checks below are told; nothing of it is looked up by them."""

    paths: Paths
    hardware: Hardware
    access: tuple[Access, ...]
    network: dict[str, tuple[str, str | None]]
    """By what is there: a folder, and the network's file system that it is on."""
    strays: tuple[Stray, ...]
    ours: frozenset[int]
    """The pids of the daemon's own workers."""
    lingers: bool | None
    written: tuple[float, str]
    """The newest of our files, and of the package."""
    before: Clock
    after: Clock


def read(
    paths: Paths, hardware: Hardware, before: Clock, *, daemon: int | None, ours: Collection[int]
) -> Readings:
    """`daemon` is its pid, None where none runs; `before` is when the doctor came."""
    folders = {"state": paths.state, "jobs": paths.jobs, "weights": paths.hub_cache}
    ours_too = (paths.database, paths.findings, paths.lock, Path(wantui.__file__))
    return Readings(
        paths=paths,
        hardware=hardware,
        access=tuple(look_at(paths)),
        network={role: (str(path), network_filesystem(path)) for role, path in folders.items()},
        strays=tuple(look_for_strays(daemon, os.environ.get(HOME))),
        ours=frozenset(ours),
        lingers=look_lingering(),
        written=newest(ours_too),
        before=before,
        after=Clock.now(),
    )


def findings(readings: Readings, *, may_compile: bool) -> Iterator[Finding]:
    """Of everything but weights, the database's content and the clip."""
    paths, hardware = readings.paths, readings.hardware
    yield from check_driver(hardware)
    engine = hardware.engine
    if engine is not None and engine.error is None:
        yield from check_attention(engine)
        yield from check_components(engine)
        yield from check_compiling(engine, str(paths.settings), wanted=may_compile)
    yield from check_space(hardware.disks)
    yield from check_speed(hardware.disks)
    yield from check_network(readings.network)
    yield from check_access(readings.access, os.getuid())
    yield from check_socket_path(paths.run / "wantui.sock", paths.socket)
    yield check_sqlite(sqlite3.sqlite_version_info)
    yield from check_lingering(readings.lingers)
    yield check_clock(readings.before, readings.after, readings.written)
    yield from check_strays(readings.strays)
    yield from check_holders(hardware.gpus, readings.ours)


def weights_findings(
    known: Sequence[tuple[Recipe, WeightsStatus]], hub_cache: Path
) -> Iterator[Finding]:
    """Reads the demo's weights whole, and lists the cache."""
    yield check_demo(demo_weights())
    yield from check_models(known)
    yield from check_hub_cache(hub_cache)
    sources = chain.from_iterable(recipe.sources for recipe, _ in known)
    repositories = dict.fromkeys(source.repository for source in sources)
    left = list(leftovers(hub_cache, repositories))
    yield from (problem for _, problem in left if problem is not None)
    yield check_leftovers(sum(count for count, _ in left), str(hub_cache))
