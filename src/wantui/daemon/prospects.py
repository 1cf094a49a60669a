"""How every model goes with this machine and this engine: judged once, until either changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from wantui.api.hardware import BuiltComponent, EngineFacts, Hardware, ProfileMatch
from wantui.api.model import WeightsStatus
from wantui.api.report import HealthState
from wantui.catalog.recipe import Recipe
from wantui.daemon.engine import missing_packages
from wantui.daemon.planner import Planner
from wantui.daemon.reports import Prospect
from wantui.hardware.estimates.case import Case
from wantui.hardware.suitability import judge
from wantui.hardware.ways import Limits


class _Key(NamedTuple):
    """All that a judgement depends on; readings, which change every second, are no part of it."""

    cases: tuple[tuple[Case, tuple[tuple[str, float], ...]], ...]
    """The official video on every device, and what proved too much there."""
    gpus: tuple[tuple[str, str | None], ...]
    reasons: tuple[str | None, ...]
    """Why GPUs are missing."""
    profile: ProfileMatch | None
    engine: EngineFacts | None


class MachineProspects:
    """`hardware` gives the last reading; None before the first."""

    def __init__(self, planner: Planner, hardware: Callable[[], Hardware | None]) -> None:
        self._planner = planner
        self._hardware = hardware
        self._judged: dict[str, tuple[_Key, Prospect]] = {}

    def of(self, recipe: Recipe, weights: WeightsStatus) -> Prospect:
        hardware = self._hardware()
        if hardware is None:
            raise AssertionError("the machine is read before any model is told of")
        cases = self._planner.official(recipe, weights, hardware)
        key = _key(cases, hardware)
        known = self._judged.get(recipe.id)
        if known is None or known[0] != key:
            known = self._judged[recipe.id] = key, _prospect(recipe, cases, hardware)
        return known[1]


def _key(cases: Sequence[tuple[Case, Limits]], hardware: Hardware) -> _Key:
    return _Key(
        cases=tuple((case, tuple(sorted(limits.items()))) for case, limits in cases),
        gpus=tuple((gpu.uuid, gpu.compute_capability) for gpu in hardware.gpus),
        reasons=(hardware.gpu_reason, *hardware.gpu_notes),
        profile=hardware.profile,
        engine=hardware.engine,
    )


def _prospect(recipe: Recipe, cases: Sequence[tuple[Case, Limits]], hardware: Hardware) -> Prospect:
    judged = judge(cases, hardware)
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
