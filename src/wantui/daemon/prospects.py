"""How every model goes with this machine and this engine: judged once, until either changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from wantui.api.hardware import BuiltComponent, EngineFacts, Hardware
from wantui.api.model import WeightsStatus
from wantui.api.report import HealthState
from wantui.catalog.recipe import Recipe
from wantui.daemon.engine import missing_packages
from wantui.daemon.reports import Prospect
from wantui.hardware.suitability import judge


class _Key(NamedTuple):
    """All that a judgement depends on; readings, which change every second, are no part of it."""

    machine: tuple[object, ...]
    engine: EngineFacts | None
    components: tuple[tuple[str, int, int | None], ...]


class MachineProspects:
    """`hardware` gives the last reading; None before the first."""

    def __init__(self, hardware: Callable[[], Hardware | None]) -> None:
        self._hardware = hardware
        self._judged: dict[str, tuple[_Key, Prospect]] = {}

    def of(self, recipe: Recipe, weights: WeightsStatus) -> Prospect:
        hardware = self._hardware()
        if hardware is None:
            raise AssertionError("the machine is read before any model is told of")
        key = _Key(_machine(hardware), hardware.engine, _components(weights))
        known = self._judged.get(recipe.id)
        if known is None or known[0] != key:
            known = self._judged[recipe.id] = key, _prospect(recipe, weights, hardware)
        return known[1]


def _prospect(recipe: Recipe, weights: WeightsStatus, hardware: Hardware) -> Prospect:
    judged = judge(recipe, weights, hardware)
    implemented, broken = _implemented(recipe, hardware.engine)
    problem = None
    if broken is not None:
        problem = HealthState.BROKEN, broken
    elif judged.plan is None:
        problem = HealthState.UNFIT, judged.suitability.reasons[0]
    return Prospect(
        hardware=judged.suitability,
        estimated_vram_bytes=judged.plan.peak_bytes if judged.plan else None,
        implemented=implemented,
        problem=problem,
    )


def _implemented(recipe: Recipe, engine: EngineFacts | None) -> tuple[bool | None, str | None]:
    """Whether the engine has built all of it, and what went wrong, if that is known."""
    if missing := missing_packages():
        return False, f"the engine is not installed: no {', '.join(missing)}"
    if engine is None:
        return None, None
    if engine.error is not None:
        return False, engine.error
    built = {part.component: part for part in engine.components if part.model == recipe.id}
    wanted = [part.name for part in recipe.components if part.has_weights]
    if not built.keys() >= set(wanted):
        return None, None
    problem = next(_faults(built[name] for name in wanted), None)
    return problem is None, problem


def _faults(built: Iterator[BuiltComponent]) -> Iterator[str]:
    for part in built:
        if part.error is not None:
            yield f"{part.component}: {part.error}"
        elif part.expected_count not in (None, part.parameter_count):
            yield (
                f"{part.component}: {part.class_name} has {part.parameter_count:,} parameters, "
                f"the catalog says {part.expected_count:,}"
            )


def _machine(hardware: Hardware) -> tuple[object, ...]:
    return (
        tuple((gpu.uuid, gpu.memory_total_bytes, gpu.compute_capability) for gpu in hardware.gpus),
        hardware.driver,
        hardware.gpu_reason,
        hardware.memory.total_bytes,
        hardware.profile,
    )


def _components(weights: WeightsStatus) -> tuple[tuple[str, int, int | None], ...]:
    """Of the weights, what decides their bytes in memory."""
    return tuple(
        (part.name, part.bytes_present, part.parameter_count) for part in weights.components
    )
