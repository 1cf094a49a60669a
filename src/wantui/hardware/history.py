"""What past jobs have shown of the estimates: measurements beside what was estimated. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from wantui.api.estimate import StageAccuracy
from wantui.api.job import Stage
from wantui.hardware.estimates.correction import (
    MEMORY_BOUNDS,
    SECONDS_BOUNDS,
    Corrections,
    Factor,
    learned,
)


class Estimated(NamedTuple):
    """Bytes of a device, or seconds: by the formula, as it was told, and as it was."""

    formula: float
    told: float
    measured: float


class Measurement(NamedTuple):
    """One stage of one job."""

    at: float
    job: int
    device: str
    """Its name: what one card taught holds for its like."""
    model: str
    stage: Stage
    memory: Estimated | None
    seconds: Estimated | None


Kind = tuple[str, str, Stage]


def by_kind(measured: Iterable[Measurement]) -> dict[Kind, list[Measurement]]:
    """The latest first."""
    kinds: defaultdict[Kind, list[Measurement]] = defaultdict(list)
    for one in sorted(measured, key=lambda one: one.at, reverse=True):
        kinds[one.device, one.model, one.stage].append(one)
    return dict(kinds)


def factor(measured: Sequence[Measurement]) -> Factor:
    """Of one kind, the latest first."""
    memory = [one.memory for one in measured if one.memory]
    seconds = [one.seconds for one in measured if one.seconds]
    return Factor(
        memory=learned(_ratios(memory), MEMORY_BOUNDS),
        seconds=learned(_ratios(seconds), SECONDS_BOUNDS),
        jobs=len(seconds),
    )


def corrections(kinds: dict[Kind, list[Measurement]], device: str, model: str) -> Corrections:
    known = {stage: kinds.get((device, model, stage), []) for stage in Stage}
    return Corrections({stage: factor(ones) for stage, ones in known.items() if ones})


def accuracy(kinds: dict[Kind, list[Measurement]]) -> tuple[StageAccuracy, ...]:
    """How far what was told was from what was measured, a line a kind."""
    return tuple(_accuracy(kind, ones) for kind, ones in sorted(kinds.items()))


def _accuracy(kind: Kind, ones: Sequence[Measurement]) -> StageAccuracy:
    device, model, stage = kind
    memory = [_error(one.memory) for one in ones if one.memory and one.memory.told > 0]
    seconds = [_error(one.seconds) for one in ones if one.seconds and one.seconds.told > 0]
    now = factor(ones)
    return StageAccuracy(
        device=device,
        model=model,
        stage=stage,
        jobs=len(ones),
        memory_error=median(memory) if memory else None,
        memory_spread=_spread(memory),
        seconds_error=median(seconds) if seconds else None,
        seconds_spread=_spread(seconds),
        memory_correction=now.memory,
        seconds_correction=now.seconds,
    )


def _ratios(known: Sequence[Estimated]) -> list[float]:
    return [one.measured / one.formula for one in known if one.formula > 0]


def _error(one: Estimated) -> float:
    return one.measured / one.told - 1


def _spread(errors: Sequence[float]) -> float | None:
    """The median distance from the median, which one odd job does not move."""
    if not errors:
        return None
    middle = median(errors)
    return median(abs(error - middle) for error in errors)
