"""The doctor where no daemon runs, or none starts: the same checks, and a worker of its own.

It writes to a temporary folder and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from wantui.api.doctor import Diagnosis, Finding, environment_of, error, ok, warn
from wantui.api.hardware import Hardware
from wantui.catalog.catalog import DEMO, Catalog
from wantui.daemon.doctor import examination, trial
from wantui.daemon.doctor.clock import Clock
from wantui.daemon.doctor.records import look_alone
from wantui.daemon.doctor.reference import CHECK, Reference, check_clip, compare
from wantui.daemon.doctor.strays import workers_of
from wantui.daemon.listener import holder_of
from wantui.daemon.machine import ENGINE_LOG, Machine, machine_of
from wantui.errors import SettingsInvalid, WantuiError
from wantui.hardware.profiles import AUTO
from wantui.paths import Paths, demo_weights, shipped_config
from wantui.settings import Settings, load_settings
from wantui.store.scan import scan
from wantui.store.verdicts import Verdicts
from wantui.text import one_line

MOST_SAID = 300
"""Characters of a library's own words."""


async def visit(paths: Paths, *, quick: bool) -> Diagnosis:
    """`quick` makes no clip. What keeps a daemon from starting is a finding, and not raised."""
    before = Clock.now()
    found = [finding async for finding in _found(paths, before, quick=quick)]
    return Diagnosis(
        findings=tuple(found),
        environment=environment_of(os.environ),
        quick=quick,
        seconds=time.monotonic() - before.monotonic,
    )


async def _found(paths: Paths, before: Clock, *, quick: bool) -> AsyncIterator[Finding]:
    settings, catalog, problems = _configured(paths)
    for problem in problems:
        yield problem
    with tempfile.TemporaryDirectory(prefix="wantui-doctor-") as made:
        folder = Path(made)
        machine, problems = _machine(paths, settings, catalog, folder)
        for problem in problems:
            yield problem
        try:
            hardware = _reasoned(await machine.find_out(), folder)
            async for finding in _examined(paths, settings, catalog, hardware, before):
                yield finding
            if not quick and holder_of(paths.lock) is None:  # whose worker has the device
                yield await _clip(paths, settings, catalog, machine, folder)
        finally:
            await machine.close()


def _configured(paths: Paths) -> tuple[Settings, Catalog, list[Finding]]:
    """The user's, or what ships where that is wrong, with what is wrong in it."""
    problems: list[Finding] = []
    shipped = Paths.from_environment({"WANTUI_HOME": os.devnull})
    try:
        settings = load_settings(paths)
    except SettingsInvalid as failure:
        settings = load_settings(shipped)
        problems.append(_unlawful(failure, paths.settings))
    try:
        catalog = Catalog.load(shipped_config(), paths.recipes, paths.qualities)
    except SettingsInvalid as failure:
        catalog = Catalog.load(shipped_config())
        problems.append(_unlawful(failure, paths.recipes))
    return settings, catalog, problems


def _machine(
    paths: Paths, settings: Settings, catalog: Catalog, folder: Path
) -> tuple[Machine, list[Finding]]:
    """As `_configured`, of profiles."""
    try:
        return machine_of(paths, settings.hardware, catalog.recipes, keeps_in=folder), []
    except SettingsInvalid as failure:
        shipped = settings.hardware.model_copy(update={"profile": AUTO})
        without = replace(paths, config=folder)
        machine = machine_of(without, shipped, catalog.recipes, keeps_in=folder)
        return machine, [_unlawful(failure, paths.profiles)]


def _unlawful(failure: SettingsInvalid, path: Path) -> Finding:
    what = f"{failure.message}: no daemon starts with it"
    return error("settings", what, where=str(path), fix=f"${{EDITOR:-vi}} '{path}'")


def _reasoned(hardware: Hardware, folder: Path) -> Hardware:
    """With what the engine said last when it died: the log goes with the folder."""
    engine = hardware.engine
    try:
        lines = (folder / ENGINE_LOG).read_text("utf-8", "replace").split("\n")
    except OSError:
        return hardware
    last = next((line for line in reversed(lines) if line.strip()), "")
    if engine is None or engine.error is None or not last:
        return hardware
    told = engine.model_copy(update={"error": f"the engine died: {one_line(last, MOST_SAID)}"})
    return hardware.model_copy(update={"engine": told})


async def _examined(
    paths: Paths, settings: Settings, catalog: Catalog, hardware: Hardware, before: Clock
) -> AsyncIterator[Finding]:
    daemon = holder_of(paths.lock)
    readings = await asyncio.to_thread(
        examination.read, paths, hardware, before, daemon=daemon, ours=workers_of(daemon)
    )
    for finding in examination.findings(readings, may_compile=settings.worker.compile):
        yield finding
    if daemon is None:
        yield ok("daemon", "none runs", str(paths.socket))
        yield await asyncio.to_thread(look_alone, paths.database)
    else:
        what = f"one runs (pid {daemon}), which has the database and the device: ask it"
        yield warn("daemon", what, where=str(paths.socket), fix="wantui doctor")
    known = [
        (recipe, await asyncio.to_thread(scan, recipe, paths.hub_cache, demo_weights(), Verdicts()))
        for recipe in catalog.recipes
    ]
    for finding in await asyncio.to_thread(
        lambda: list(examination.weights_findings(known, paths.hub_cache))
    ):
        yield finding


async def _clip(
    paths: Paths, settings: Settings, catalog: Catalog, machine: Machine, folder: Path
) -> Finding:
    reference, recipe = Reference.load(), catalog.model(DEMO)
    try:
        plan = trial.plan_for(recipe, reference.asked, await machine.read(), machine.profiles)
        claim = trial.claim_for(recipe, reference.asked, paths, settings, plan)
        began = time.monotonic()
        completed = await trial.carry_out(claim, folder, paths, settings)
        frames = Path(completed.output.frames_folder or folder)
        agreement = await asyncio.to_thread(compare, frames, reference)
    except (WantuiError, OSError, ValueError) as failure:
        hint = failure.hint if isinstance(failure, WantuiError) else "wantui doctor"
        return error(CHECK, f"the demo's clip failed: {failure}", fix=hint)
    seconds = time.monotonic() - began
    return check_clip(agreement, plan.dtype, reference, plan.device_name, seconds)
